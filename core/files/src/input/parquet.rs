//! Apache Parquet, a batch of rows at a time.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use arrow_array::{Array, RecordBatch, cast::AsArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use drivetrain_contract::{Error, Result};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    },
};

use super::{
    Columns, Record, column,
    counts::Counts,
    reader::{Flaw, Reader},
};
use crate::failure::{quoted, unreadable};

/// Rows decoded at once.
const BATCH_ROWS: usize = 1024;

pub(super) struct ParquetReader {
    batches: ParquetRecordBatchReader,
    /// Place of the text among the columns that are read.
    text: usize,
    keep_columns: bool,
    label: String,
    batch: Arc<RecordBatch>,
    /// Next row of the batch.
    row: usize,
    /// Rows given so far.
    number: u64,
    counts: Arc<Counts>,
    share: Share,
    ended: bool,
}

/// Bytes of the file that its rows stand for, as reading jumps about in it.
#[derive(Debug)]
struct Share {
    n_bytes: u64,
    n_rows: u64,
}

impl ParquetReader {
    pub(super) fn open(path: &Path, (asked, keep_columns): (Option<&str>, bool), counts: &Arc<Counts>) -> Result<Self> {
        let label = quoted(path);
        let file = File::open(path).map_err(|err| unreadable(&label, err))?;
        let n_bytes = file.metadata().map_err(|err| unreadable(&label, err))?.len();
        let metadata = guarded(&label, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
        let names: Vec<String> = metadata.schema().fields().iter().map(|field| field.name().clone()).collect();
        let text = column::choose(&names, asked, &label)?;
        let hint = schema_hint(metadata.schema(), text, &label)?;
        let metadata = match hint {
            None => metadata,
            Some(schema) => {
                let options = ArrowReaderOptions::new().with_schema(schema);
                guarded(&label, || ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options))?
            }
        };
        let kept: Vec<usize> = match keep_columns {
            true => (0..names.len()).collect(),
            false => vec![text],
        };
        let n_rows = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or_default();
        let mask = ProjectionMask::roots(metadata.parquet_schema(), kept.iter().copied());
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let batches = guarded(&label, || builder.with_projection(mask).with_batch_size(BATCH_ROWS).build())?;
        let batch = Arc::new(RecordBatch::new_empty(Arc::new(Schema::empty())));
        Ok(Self {
            batches,
            text: if keep_columns { text } else { 0 },
            keep_columns,
            label,
            batch,
            row: 0,
            number: 0,
            counts: Arc::clone(counts),
            share: Share { n_bytes, n_rows },
            ended: false,
        })
    }

    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> Result<bool> {
        while self.row == self.batch.num_rows() {
            let Some(batch) = guarded(&self.label, || self.batches.next().transpose())? else { return Ok(false) };
            self.counts.add_bytes(self.share.take(batch.num_rows() as u64));
            self.batch = Arc::new(batch);
            self.row = 0;
        }
        self.number += 1;
        self.row += 1;
        Ok(true)
    }
}

impl Reader for ParquetReader {
    fn next(&mut self) -> Option<Result<Record, Flaw>> {
        if self.ended {
            return None;
        }
        match self.advance() {
            Ok(true) => {}
            Ok(false) => {
                self.ended = true;
                return None;
            }
            Err(err) => {
                self.ended = true;
                return Some(Err(Flaw::Input(err)));
            }
        }
        let row = self.row - 1;
        let Some(text) = text_at(self.batch.column(self.text), row) else {
            return Some(Err(Flaw::record(&format!("row {}", self.number), &self.label, "the text is null")));
        };
        let columns = match self.keep_columns {
            true => Columns::Row { batch: Arc::clone(&self.batch), row },
            false => Columns::None,
        };
        Some(Ok(Record::with_columns(text.to_owned(), columns)))
    }

    fn schema(&self) -> Option<SchemaRef> {
        Some(self.batch.schema())
    }
}

impl Share {
    /// The bytes that the next `n_rows` rows stand for; all of them together stand for the file.
    fn take(&mut self, n_rows: u64) -> u64 {
        let share = u128::from(self.n_bytes) * u128::from(n_rows) / u128::from(self.n_rows.max(n_rows).max(1));
        let share = u64::try_from(share).unwrap_or(self.n_bytes);
        self.n_bytes -= share;
        self.n_rows = self.n_rows.saturating_sub(n_rows);
        share
    }
}

/// What to read the file as, if not as it says itself: text that is kept as a dictionary is wanted as plain text.
fn schema_hint(schema: &SchemaRef, text: usize, label: &str) -> Result<Option<SchemaRef>> {
    let field = schema.field(text);
    let plain = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match field.data_type() {
        kind if plain(kind) => Ok(None),
        DataType::Dictionary(_, values) if plain(values) => {
            let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
            fields[text] = Arc::new(field.clone().with_data_type(DataType::Utf8));
            Ok(Some(Arc::new(Schema::new(fields))))
        }
        other => {
            let message = format!("the column `{}` of {label} holds {other}, not text", field.name());
            Err(Error::invalid(message).with_hint("name the column with the text: `--column NAME`"))
        }
    }
}

/// The text in a row, unless it is null.
fn text_at(column: &dyn Array, row: usize) -> Option<&str> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => column.as_string_opt::<i32>().map(|texts| texts.value(row)),
        DataType::LargeUtf8 => column.as_string_opt::<i64>().map(|texts| texts.value(row)),
        DataType::Utf8View => column.as_string_view_opt().map(|texts| texts.value(row)),
        _ => None,
    }
}

/// Calls the Parquet library, which panics at some broken pages that it does not check first.
fn guarded<T, E>(label: &str, read: impl FnOnce() -> Result<T, E>) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let broken = || Error::invalid(format!("cannot read {label}"));
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|err| broken().with_source(err)),
        Err(_) => Err(broken().with_source("its pages contradict themselves").with_hint("it is damaged; get it again")),
    }
}
