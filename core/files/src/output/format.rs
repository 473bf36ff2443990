//! Formats of outputs, and what a name says of them.

use std::path::Path;

use drivetrain_contract::Result;

use super::{Sink, layout::Layout, parquet::ParquetFile, row_file::RowFile};

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

    /// Begins a file for vectors of `dim` numbers. It is `<path>.part` until [`Sink::finish`].
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] where it cannot be written, [`drivetrain_contract::ErrorKind::Busy`] while
    /// another process writes it.
    pub fn create(self, path: &Path, dim: usize) -> Result<Box<dyn Sink>> {
        Ok(match Layout::of(self) {
            Some(layout) => Box::new(RowFile::create(path, layout, dim)?),
            None => Box::new(ParquetFile::create(path, dim)?),
        })
    }

    /// Whether the records' other columns are written.
    pub fn keeps_columns(self) -> bool {
        self == Self::Parquet
    }
}
