//! Apache Parquet. What is written depends on the rows alone, not on how many of them come at a time.

use std::{fmt, path::Path};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use drivetrain_contract::{Error, Result};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

use super::{
    Rows, Sink,
    part_file::PartFile,
    table::{EMBEDDING, table},
};
use crate::{Record, failure::unwritable};

/// Rows handed to the encoder at once; it cuts pages where such a portion ends.
const PORTION_ROWS: usize = 1024;
/// Most encoded bytes in a row group, which is held in memory until it is complete.
const ROW_GROUP_BYTES: usize = 32 << 20;

pub(super) struct ParquetFile {
    /// Until the columns are known.
    file: Option<PartFile>,
    writer: Option<ArrowWriter<PartFile>>,
    /// Fewer than [`PORTION_ROWS`] rows.
    pending: Vec<RecordBatch>,
    dim: usize,
    path: std::path::PathBuf,
}

impl fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetFile").field("path", &self.path).field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl ParquetFile {
    pub(super) fn create(path: &Path, dim: usize) -> Result<Self> {
        let file = Some(PartFile::create(path)?);
        Ok(Self { file, writer: None, pending: Vec::new(), dim, path: path.to_owned() })
    }

    fn n_pending(&self) -> usize {
        self.pending.iter().map(RecordBatch::num_rows).sum()
    }

    /// Hands the pending rows to the encoder.
    fn write_pending(&mut self) -> Result<()> {
        let Some(first) = self.pending.first() else { return Ok(()) };
        let schema = first.schema();
        let unwritable = |err: ParquetError| self.failed(err);
        let portion = concat_batches(&schema, &self.pending).map_err(|err| unwritable(err.into()))?;
        if let Some(file) = self.file.take() {
            let writer = ArrowWriter::try_new(file, schema, Some(properties()));
            self.writer = Some(writer.map_err(|err| self.failed(err))?);
        }
        if let Some(writer) = &mut self.writer {
            let written = writer.write(&portion);
            written.map_err(|err| self.failed(err))?;
        }
        self.pending.clear();
        Ok(())
    }

    fn failed(&self, err: ParquetError) -> Error {
        match err {
            ParquetError::External(err) => unwritable(&self.path, err),
            ParquetError::ArrowError(why) => Error::invalid(format!("cannot write `{}`: {why}", self.path.display())),
            other => unwritable(&self.path, other),
        }
    }
}

impl Sink for ParquetFile {
    fn append(&mut self, rows: Rows<'_>) -> Result<()> {
        if rows.dim() != self.dim {
            return Err(Error::invalid(format!("vectors of {} dimensions, not {}", rows.dim(), self.dim)));
        }
        let mut start = 0;
        while start < rows.len() {
            let end = rows.len().min(start + PORTION_ROWS - self.n_pending());
            let batch = table(rows.slice(start..end)).map_err(|err| self.failed(err.into()))?;
            self.pending.push(batch);
            if self.n_pending() == PORTION_ROWS {
                self.write_pending()?;
            }
            start = end;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Option<u64>> {
        Ok(None)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        if self.writer.is_none() && self.pending.is_empty() {
            let empty: [Record; 0] = [];
            let empty = table(Rows::new(&empty, &[], self.dim)?).map_err(|err| self.failed(err.into()))?;
            self.pending.push(empty);
        }
        self.write_pending()?;
        let Some(writer) = self.writer.take() else { return Err(Error::internal("a Parquet file was never begun")) };
        writer.into_inner().map_err(|err| self.failed(err))?.publish()
    }
}

fn properties() -> WriterProperties {
    let embedding = || ColumnPath::new([EMBEDDING, "list", "element"].map(str::to_owned).into());
    WriterProperties::builder()
        .set_created_by(concat!("drivetrain ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        // Numbers of vectors hardly repeat and hardly shrink.
        .set_column_compression(embedding(), Compression::UNCOMPRESSED)
        .set_column_dictionary_enabled(embedding(), false)
        .set_column_statistics_enabled(embedding(), EnabledStatistics::None)
        .build()
}
