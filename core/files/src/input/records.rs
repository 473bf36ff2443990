//! Every record of all inputs, in order.

use std::{fmt, sync::Arc, vec};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use drivetrain_contract::{Error, ErrorKind, Result};

use super::{
    Record,
    counts::Counts,
    csv::{CsvReader, Dialect},
    format::{InputFormat, Packing, of_name},
    jsonl::JsonlReader,
    lines::{Lines, MAX_BYTES},
    open::open,
    parquet::ParquetReader,
    reader::{Flaw, Reader},
    sources::{Input, Source},
    txt::TxtReader,
};
use crate::failure::{quoted, unreadable};

/// How inputs are to be read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The format of all inputs; without it their names say, and text lines is what is meant by others.
    pub format: Option<InputFormat>,
    /// Field with the text, where a JSON line is an object.
    pub field: String,
    /// Column with the text in CSV, TSV and Parquet: its name, or its place counted from 0. Without it, `text` or the
    /// only column.
    pub column: Option<String>,
    /// Whether the first record of CSV and TSV names the columns.
    pub header: bool,
    /// Whether records carry the other columns of their input.
    pub keep_columns: bool,
    /// Leave records out that cannot be read, and count them.
    pub skip_errors: bool,
    /// Pass over so many records first.
    pub skip: u64,
    /// Give so many records at the most.
    pub limit: Option<u64>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            field: "text".to_owned(),
            column: None,
            header: true,
            keep_columns: false,
            skip_errors: false,
            skip: 0,
            limit: None,
        }
    }
}

/// Reads inputs one after the other. The first error is the last thing it gives.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] for what cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] for what
/// is not what its name says, and for columns that are not there; the message names input and line or row.
pub struct Records {
    sources: vec::IntoIter<Source>,
    current: Option<Box<dyn Reader>>,
    options: ReadOptions,
    counts: Arc<Counts>,
    /// The columns of all inputs, known from the first record on, where they are kept.
    schema: Option<SchemaRef>,
    /// What messages call the current input, until its columns have been looked at.
    unchecked: Option<String>,
    is_cancelled: Box<dyn Fn() -> bool + Send>,
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("options", &self.options).field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(sources: Vec<Source>, options: ReadOptions) -> Self {
        Self {
            sources: sources.into_iter(),
            current: None,
            options,
            counts: Arc::default(),
            schema: None,
            unchecked: None,
            is_cancelled: Box::new(|| false),
        }
    }

    /// How far reading has come, to be looked at from elsewhere.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Ends with [`ErrorKind::Cancelled`] as soon as `is_cancelled` says so; it is asked after each record, also of those
    /// that are passed over, so that what an interrupted stream gave last, which may be half a record, is not used.
    #[must_use]
    pub fn until(mut self, is_cancelled: impl Fn() -> bool + Send + 'static) -> Self {
        self.is_cancelled = Box::new(is_cancelled);
        self
    }

    fn step(&mut self) -> Option<Result<Record>> {
        loop {
            if self.options.limit == Some(0) {
                return None;
            }
            let Some(reader) = &mut self.current else {
                let source = self.sources.next()?;
                match self.open(source) {
                    Ok(reader) => self.current = Some(reader),
                    Err(err) => return Some(Err(err)),
                }
                continue;
            };
            let next = reader.next();
            if (self.is_cancelled)() {
                return Some(Err(Error::new(ErrorKind::Cancelled, "interrupted")));
            }
            match next {
                None => self.current = None,
                Some(Ok(record)) => {
                    if let Err(err) = self.check_columns() {
                        return Some(Err(err));
                    }
                    self.counts.add_record();
                    if self.options.skip > 0 {
                        self.options.skip -= 1;
                        continue;
                    }
                    self.options.limit = self.options.limit.map(|left| left - 1);
                    return Some(Ok(record));
                }
                Some(Err(Flaw::Record(err))) if self.options.skip_errors => {
                    log::info!("{}", err.message());
                    self.counts.add_left_out();
                }
                Some(Err(Flaw::Record(err) | Flaw::Input(err))) => return Some(Err(err)),
            }
        }
    }

    fn open(&mut self, source: Source) -> Result<Box<dyn Reader>> {
        let (path, label, stream) = match source {
            Source::Given(Input::Texts(texts)) => return Ok(Box::new(Given(texts.into_iter()))),
            Source::Given(Input::Stream(label, stream)) => (None, label, Some(stream)),
            Source::Given(Input::Path(path)) | Source::File { path, .. } => (Some(path.clone()), quoted(&path), None),
        };
        self.unchecked = Some(label.clone());
        let (by_name, packing) = path.as_deref().map_or((None, Packing::Plain), of_name);
        let format = self.options.format.or(by_name).unwrap_or(InputFormat::Txt);
        let options = &self.options;
        if format == InputFormat::Parquet {
            return match path {
                Some(path) if packing == Packing::Plain => {
                    let column = (options.column.as_deref(), options.keep_columns);
                    Ok(Box::new(ParquetReader::open(&path, column, &self.counts)?))
                }
                _ => Err(Error::unsupported(format!("{label} cannot be read as Parquet"))
                    .with_hint("Parquet is read from a file only, which is not packed again")),
            };
        }
        let stream = match (stream, path) {
            (Some(stream), _) => stream,
            (None, Some(path)) => open(&path, packing, &self.counts).map_err(|err| unreadable(&label, err))?,
            (None, None) => return Err(Error::internal("an input is neither a stream nor a file")),
        };
        Ok(match format {
            InputFormat::Txt | InputFormat::Parquet => Box::new(TxtReader::new(Lines::new(stream), label)),
            InputFormat::Jsonl => {
                let keep = options.keep_columns.then(|| self.schema.clone());
                Box::new(JsonlReader::new(Lines::new(stream), label, options.field.clone(), keep))
            }
            InputFormat::Csv | InputFormat::Tsv => {
                let dialect = Dialect {
                    delimiter: if format == InputFormat::Csv { b',' } else { b'\t' },
                    header: options.header,
                    column: options.column.clone(),
                    keep_columns: options.keep_columns,
                    max_bytes: MAX_BYTES,
                };
                Box::new(CsvReader::new(stream, label, dialect)?)
            }
        })
    }

    /// Fails when the input just begun has other columns than those before.
    fn check_columns(&mut self) -> Result<()> {
        let Some(label) = self.unchecked.take().filter(|_| self.options.keep_columns) else { return Ok(()) };
        let text_only = || Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
        let found = self.current.as_ref().and_then(|reader| reader.schema()).unwrap_or_else(text_only);
        match &self.schema {
            Some(before) if !alike(before, &found) => {
                let message = format!("{label} has other columns than the inputs before it");
                Err(Error::invalid(message).with_hint("columns are kept in Parquet only; or write several outputs"))
            }
            Some(_) => Ok(()),
            None => {
                self.schema = Some(found);
                Ok(())
            }
        }
    }
}

fn alike(a: &Schema, b: &Schema) -> bool {
    let kinds = |schema: &Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    kinds(a) == kinds(b)
}

impl Iterator for Records {
    type Item = Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step();
        if matches!(next, Some(Err(_))) {
            self.current = None;
            self.sources = Vec::new().into_iter();
        }
        next
    }
}

/// Texts that are there already.
struct Given(vec::IntoIter<String>);

impl Reader for Given {
    fn next(&mut self) -> Option<Result<Record, Flaw>> {
        self.0.next().map(|text| Ok(Record::new(text)))
    }
}
