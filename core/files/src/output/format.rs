//! Formats of outputs, and what a name says of them.

use std::path::Path;

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// `{"embedding":[…]}` on each line.
    Jsonl,
    /// A NumPy array, `float32 [n, dim]`.
    Npy,
    /// Apache Parquet: the columns of the input, or the text, and `embedding`.
    Parquet,
    /// A safetensors file with the one tensor `embeddings`, `F32 [n, dim]`.
    Safetensors,
}

impl OutputFormat {
    /// The name, which is its extension as well.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Parquet => "parquet",
            Self::Safetensors => "safetensors",
        }
    }

    /// The format that the name of a file says.
    pub fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "npy" => Some(Self::Npy),
            "parquet" => Some(Self::Parquet),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// Whether the records' other columns are written.
    pub fn keeps_columns(self) -> bool {
        self == Self::Parquet
    }
}
