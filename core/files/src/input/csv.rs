//! Values separated by commas or tabs, with quotes where a value needs them.

use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ByteRecord, ErrorKind};
use drivetrain_contract::{Error, Result};

use super::{
    Columns, Record, Value, column,
    reader::{Flaw, Reader, utf8},
};
use crate::failure::unreadable;

/// What the format leaves open.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// Whether the first record names the columns.
    pub(super) header: bool,
    /// Column with the text, by name or place.
    pub(super) column: Option<String>,
    pub(super) keep_columns: bool,
    /// Bytes of a record at the most.
    pub(super) max_bytes: usize,
}

pub(super) struct CsvReader {
    reader: csv::Reader<Bounded>,
    budget: Arc<AtomicU64>,
    record: ByteRecord,
    label: String,
    /// Known from the first record on, where there is no header.
    column: Option<usize>,
    asked: Option<String>,
    /// The columns, where they are kept.
    schema: Option<SchemaRef>,
    keep_columns: bool,
    max_bytes: usize,
    ended: bool,
}

impl CsvReader {
    pub(super) fn new(reader: Box<dyn BufRead + Send>, label: String, dialect: Dialect) -> Result<Self> {
        let budget = Arc::new(AtomicU64::new(dialect.max_bytes as u64));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .has_headers(dialect.header)
            .from_reader(Bounded { inner: reader, budget: Arc::clone(&budget), max_bytes: dialect.max_bytes });
        let lossy = |name| String::from_utf8_lossy(name).into_owned();
        let names: Option<Vec<String>> = match dialect.header {
            true => Some(reader.byte_headers().map_err(|err| broken(&label, err))?.iter().map(lossy).collect()),
            false => None,
        };
        let mut this = Self {
            reader,
            budget,
            record: ByteRecord::new(),
            label,
            column: None,
            asked: dialect.column,
            schema: None,
            keep_columns: dialect.keep_columns,
            max_bytes: dialect.max_bytes,
            ended: false,
        };
        match names {
            // A file without a single byte has no columns, and no texts either.
            Some(names) if names.is_empty() => this.ended = true,
            Some(names) => this.settle(&names)?,
            None => {}
        }
        Ok(this)
    }

    fn settle(&mut self, names: &[String]) -> Result<()> {
        self.column = Some(column::choose(names, self.asked.as_deref(), &self.label)?);
        if self.keep_columns {
            let columns: Vec<Field> = names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
            self.schema = Some(Arc::new(Schema::new(columns)));
        }
        Ok(())
    }

    fn read(&mut self) -> Option<Result<Record, Flaw>> {
        self.budget.store(self.max_bytes as u64, Ordering::Relaxed);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(err) => return Some(Err(self.flaw(err))),
        }
        if self.column.is_none() {
            let names: Vec<String> = (0..self.record.len()).map(|place| place.to_string()).collect();
            if let Err(err) = self.settle(&names) {
                return Some(Err(Flaw::Input(err)));
            }
        }
        Some(self.take().map_err(|why| Flaw::record(&self.place(), &self.label, &why)))
    }

    /// The record that was read last.
    fn take(&self) -> Result<Record, String> {
        let text_column = self.column.unwrap_or_default();
        let value = |place| utf8(self.record.get(place).unwrap_or_default(), "value").map(str::to_owned);
        let text = value(text_column)?;
        let Some(schema) = &self.schema else { return Ok(Record::new(text)) };
        let other = |place| if place == text_column { Ok(Value::Null) } else { value(place).map(Value::Text) };
        let values: Vec<Value> = (0..self.record.len()).map(other).collect::<Result<_, _>>()?;
        let columns = Columns::Values { schema: Arc::clone(schema), text: text_column, values };
        Ok(Record::with_columns(text, columns))
    }

    fn place(&self) -> String {
        format!("line {}", self.record.position().map_or(0, csv::Position::line))
    }

    fn flaw(&self, err: csv::Error) -> Flaw {
        match err.kind() {
            ErrorKind::UnequalLengths { pos, expected_len, len } => {
                let line = pos.as_ref().map_or(0, csv::Position::line);
                let why = format!("it has {len} values, not {expected_len}");
                Flaw::record(&format!("line {line}"), &self.label, &why)
            }
            _ => Flaw::Input(broken(&self.label, err)),
        }
    }
}

impl Reader for CsvReader {
    fn next(&mut self) -> Option<Result<Record, Flaw>> {
        if self.ended {
            return None;
        }
        let next = self.read();
        self.ended = matches!(next, None | Some(Err(Flaw::Input(_))));
        next
    }

    fn schema(&self) -> Option<SchemaRef> {
        self.schema.clone()
    }
}

fn broken(label: &str, err: csv::Error) -> Error {
    match err.into_kind() {
        ErrorKind::Io(err) => unreadable(label, err),
        other => Error::invalid(format!("cannot read {label}: {other:?}")),
    }
}

/// Bytes for one record at the most: a quote that is never closed must not fill the memory with the rest of the file.
struct Bounded {
    inner: Box<dyn BufRead + Send>,
    budget: Arc<AtomicU64>,
    max_bytes: usize,
}

impl Read for Bounded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.budget.load(Ordering::Relaxed);
        if left == 0 {
            let message = format!("a record is longer than {} MiB; is a quote not closed?", self.max_bytes >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let n_bytes = self.inner.read(out)?;
        self.budget.store(left.saturating_sub(n_bytes as u64), Ordering::Relaxed);
        Ok(n_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(column: Option<&str>) -> Dialect {
        Dialect {
            delimiter: b',',
            header: true,
            column: column.map(str::to_owned),
            keep_columns: true,
            max_bytes: 1 << 22,
        }
    }

    fn read(text: &[u8], dialect: Dialect) -> Result<Vec<Result<Record, String>>, String> {
        let reader = Box::new(io::Cursor::new(text.to_vec()));
        let mut reader = CsvReader::new(reader, "`t`".to_owned(), dialect).map_err(|err| err.to_text())?;
        let told = |flaw: Flaw| match flaw {
            Flaw::Record(err) => err.message().to_owned(),
            Flaw::Input(err) => format!("ended: {}", err.to_text()),
        };
        Ok(std::iter::from_fn(|| reader.next()).map(|next| next.map_err(told)).collect())
    }

    fn check(text: &str, dialect: Dialect, expected: &[Result<&str, &str>]) {
        let found = read(text.as_bytes(), dialect).unwrap();
        let texts: Vec<_> = found.iter().map(|next| next.as_ref().map(Record::text).map_err(String::as_str)).collect();
        assert_eq!(texts, expected, "{text:?}");
    }

    #[test]
    fn values_are_read_with_their_quotes_and_line_breaks() {
        check("\u{feff}id,text\r\n1,one\r\n2,\"a \"\"b\"\",\nc\"\r\n", dialect(None), &[Ok("one"), Ok("a \"b\",\nc")]);
        check("body\none\n\ntwo", dialect(None), &[Ok("one"), Ok("two")]);
        check("a,b\nx,y\n", dialect(Some("0")), &[Ok("x")]);
        check("a\tb\nx, z\ty\n", Dialect { delimiter: b'\t', ..dialect(Some("a")) }, &[Ok("x, z")]);
        check("x,y\n", Dialect { header: false, ..dialect(Some("1")) }, &[Ok("y")]);
        check("", dialect(None), &[]);
        check("text\n", dialect(None), &[]);
    }

    #[test]
    fn bad_records_are_named_by_line_and_those_after_them_are_read() {
        let expected = [Ok("x"), Err("line 3 of `t`: it has 1 values, not 2"), Ok("y")];
        check("id,text\n1,x\n2\n3,y\n", dialect(None), &expected);
        let found = read(b"text\none\n\xff\ntwo\n", dialect(None)).unwrap();
        assert_eq!(found[1].as_ref().unwrap_err(), "line 3 of `t`: it is not UTF-8 (byte 1 of the value)");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn columns_that_are_not_there_are_said() {
        assert!(read(b"a,b\n", dialect(Some("c"))).unwrap_err().contains("no column `c`: `t` has the columns a, b"));
        assert!(read(b"a,b\n", dialect(None)).unwrap_err().contains("--column"));
        let found = read(b"a,b\n", Dialect { header: false, ..dialect(Some("2")) }).unwrap();
        assert!(found[0].as_ref().unwrap_err().starts_with("ended: there is no column `2`"), "{found:?}");
    }

    #[test]
    fn other_columns_are_kept() {
        let found = read(b"id,text,n\n7,x,\n", dialect(None)).unwrap();
        let Columns::Values { schema, text, values } = found[0].as_ref().unwrap().columns() else {
            panic!("{found:?}")
        };
        assert_eq!(schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "text", "n"]);
        assert_eq!(
            (*text, values.as_slice()),
            (1, &[Value::Text("7".into()), Value::Null, Value::Text(String::new())][..])
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_the_input_before_memory_is_full() {
        let endless =
            io::BufReader::with_capacity(1 << 20, io::Cursor::new(b"text\n\"".to_vec()).chain(io::repeat(b'x')));
        let mut reader = CsvReader::new(Box::new(endless), "`t`".to_owned(), dialect(None)).unwrap();
        let Some(Err(Flaw::Input(err))) = reader.next() else { panic!("not refused") };
        assert!(err.to_text().contains("is a quote not closed"), "{err}");
        assert!(reader.next().is_none());
    }
}
