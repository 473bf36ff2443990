//! Files of texts: JSON lines, each an object with `text`.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Line {
    text: String,
}

/// The texts of a file.
///
/// # Errors
/// When it cannot be read or a line is no object with `text`; the message names it.
pub fn read_texts(path: &Path) -> Result<Vec<String>> {
    let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mut texts = Vec::new();
    for (idx, line) in BufReader::new(file).lines().enumerate() {
        let read = || -> Result<Line> { Ok(serde_json::from_str(&line?)?) };
        let line = read().with_context(|| format!("`{}`, line {}", path.display(), idx + 1))?;
        texts.push(line.text);
    }
    Ok(texts)
}

/// Writes texts so that [`read_texts`] reads them.
///
/// # Errors
/// When the file cannot be written.
pub fn write_texts(path: &Path, texts: impl IntoIterator<Item = String>) -> Result<()> {
    let write = || -> Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        for text in texts {
            serde_json::to_writer(&mut out, &Line { text })?;
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip_and_bad_lines_are_named() {
        let path = std::env::temp_dir().join(format!("bench-texts-{}.jsonl", std::process::id()));
        let texts = ["plain".to_owned(), "with \"quotes\"\nand lines".to_owned(), String::new()];
        write_texts(&path, texts.clone()).unwrap();
        assert_eq!(read_texts(&path).unwrap(), texts);
        std::fs::write(&path, "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n").unwrap();
        let err = format!("{:#}", read_texts(&path).unwrap_err());
        std::fs::remove_file(&path).unwrap();
        assert!(err.contains("line 2"), "{err}");
    }
}
