//! Formats of inputs, and what a name says of them.

use std::path::Path;

/// How an input is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFormat {
    /// A text on each line.
    Txt,
    /// A JSON string, or an object with the text in a field, on each line.
    Jsonl,
    /// Comma-separated values ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).
    Csv,
    /// The same, separated by tabs.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl InputFormat {
    /// The name, as in messages and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        }
    }

    fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "txt" | "text" => Some(Self::Txt),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "tsv" => Some(Self::Tsv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// What the name of a file says: its format where the extension is known, and its packing.
pub(super) fn of_name(path: &Path) -> (Option<InputFormat>, Packing) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (name, packing) = match name.rsplit_once('.') {
        Some((rest, "gz")) => (rest, Packing::Gzip),
        Some((rest, "zst")) => (rest, Packing::Zstd),
        _ => (name.as_str(), Packing::Plain),
    };
    (name.rsplit_once('.').and_then(|(_, extension)| InputFormat::of_extension(extension)), packing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, format: Option<InputFormat>, packing: Packing) {
        assert_eq!(of_name(Path::new(name)), (format, packing), "{name}");
    }

    #[test]
    fn names_say_format_and_packing() {
        check("a/b.txt", Some(InputFormat::Txt), Packing::Plain);
        check("b.ndjson.gz", Some(InputFormat::Jsonl), Packing::Gzip);
        check("B.CSV.ZST", Some(InputFormat::Csv), Packing::Zstd);
        check("b.tsv", Some(InputFormat::Tsv), Packing::Plain);
        check("b.parquet", Some(InputFormat::Parquet), Packing::Plain);
        check("notes.gz", None, Packing::Gzip);
        check("folder.csv/notes", None, Packing::Plain);
        check("csv", None, Packing::Plain);
    }
}
