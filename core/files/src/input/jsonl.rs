//! JSON lines: strings, and objects with the text in a field.

use std::{collections::BTreeSet, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde_json::Value as Json;

use super::{
    Columns, Record, Value,
    json_line::{JsonLine, kind, take_text},
    lines::Lines,
    reader::{Flaw, Reader},
};
use crate::failure::unreadable;

pub(super) struct JsonlReader {
    lines: Lines,
    label: String,
    field: String,
    table: Option<Table>,
}

/// The columns that are kept: the fields of the first record, with the types of its values.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Unknown until the first record, or that of an input before.
    schema: Option<SchemaRef>,
    /// Fields that came later, each of which was spoken of once.
    unknown: BTreeSet<String>,
}

impl JsonlReader {
    /// Reads `lines`; `keep` is the table of the inputs before, where columns are kept.
    pub(super) fn new(lines: Lines, label: String, field: String, keep: Option<Option<SchemaRef>>) -> Self {
        let table = keep.map(|schema| Table { schema, ..Table::default() });
        Self { lines, label, field, table }
    }

    fn record(line: &str, field: &str, table: Option<&mut Table>) -> Result<Record, String> {
        let mut fields = match JsonLine::parse(line)? {
            JsonLine::Text(text) => vec![(field.to_owned(), Json::String(text))],
            JsonLine::Object(fields) => fields,
            JsonLine::Other(kind) => return Err(format!("it is {kind}, not a string or an object")),
        };
        let (place, text) = take_text(&mut fields, field)?;
        let columns = match table {
            Some(table) => table.columns(fields, place)?,
            None => Columns::None,
        };
        Ok(Record::with_columns(text, columns))
    }
}

impl Reader for JsonlReader {
    fn next(&mut self) -> Option<Result<Record, Flaw>> {
        let record = match self.lines.next() {
            Ok(line) => line?.text().and_then(|text| Self::record(text, &self.field, self.table.as_mut())),
            Err(err) => return Some(Err(Flaw::Input(unreadable(&self.label, err)))),
        };
        let place = || format!("line {}", self.lines.number());
        Some(record.map_err(|why| Flaw::record(&place(), &self.label, &why)))
    }

    fn schema(&self) -> Option<SchemaRef> {
        self.table.as_ref()?.schema.clone()
    }
}

impl Table {
    /// The values of an object, in the order of the table's columns. `text` is the place of the text among `fields`.
    fn columns(&mut self, fields: Vec<(String, Json)>, text: usize) -> Result<Columns, String> {
        let schema = Arc::clone(self.schema.get_or_insert_with(|| schema_of(&fields, text)));
        let mut values = vec![Value::Null; schema.fields().len()];
        let text_name = fields[text].0.clone();
        for (idx, (name, json)) in fields.into_iter().enumerate() {
            match schema.index_of(&name) {
                Ok(_) if idx == text => {}
                Ok(column) => values[column] = value(json, &name, schema.field(column).data_type())?,
                Err(_) if self.unknown.contains(&name) => {}
                Err(_) => {
                    log::warn!("the field `{name}` is not in the first record: it is left out");
                    self.unknown.insert(name);
                }
            }
        }
        let text = schema.index_of(&text_name).map_err(|_| format!("there was no field `{text_name}` before"))?;
        Ok(Columns::Values { schema, text, values })
    }
}

fn schema_of(fields: &[(String, Json)], text: usize) -> SchemaRef {
    let mut columns: Vec<Field> = Vec::new();
    for (idx, (name, json)) in fields.iter().enumerate() {
        let kind = match json {
            _ if idx == text => DataType::Utf8,
            Json::Bool(_) => DataType::Boolean,
            Json::Number(number) if number.is_i64() => DataType::Int64,
            Json::Number(number) if number.is_f64() => DataType::Float64,
            // What has no type of its own here is kept as JSON.
            _ => DataType::Utf8,
        };
        columns.retain(|column| column.name() != name);
        columns.push(Field::new(name, kind, true));
    }
    Arc::new(Schema::new(columns))
}

fn value(json: Json, name: &str, wanted: &DataType) -> Result<Value, String> {
    Ok(match (wanted, json) {
        (_, Json::Null) => Value::Null,
        (DataType::Utf8, Json::String(text)) => Value::Text(text),
        (DataType::Utf8, other) => Value::Text(other.to_string()),
        (DataType::Boolean, Json::Bool(truth)) => Value::Bool(truth),
        (DataType::Int64, Json::Number(number)) if number.is_i64() => Value::Int(number.as_i64().unwrap_or_default()),
        (DataType::Float64, Json::Number(number)) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        (_, other) => {
            let wanted = match wanted {
                DataType::Boolean => "a boolean",
                DataType::Int64 => "a whole number of 64 bits",
                _ => "a number",
            };
            let shown = if other.is_number() { other.to_string() } else { kind(&other).to_owned() };
            return Err(format!("the field `{name}` is {shown}, but {wanted} in the first record"));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, field: &str, expected: &str) {
        let text = JsonlReader::record(line, field, None).map(|record| record.text().to_owned());
        assert_eq!(text.as_deref(), Ok(expected), "{line}");
    }

    fn check_refused(line: &str, expected: &str) {
        let message = JsonlReader::record(line, "text", None).unwrap_err();
        assert!(message.contains(expected), "{line:?} gave {message:?}");
    }

    #[test]
    fn strings_and_objects_are_read() {
        check(r#""a\u00f1""#, "text", "añ");
        check(r#"{"id": 1, "body": "b"}"#, "body", "b");
        check(r#"{"text": 1, "text": "last"}"#, "text", "last");
    }

    #[test]
    fn what_is_wrong_is_said() {
        check_refused("{\"id\": 1, \"body\": \"b\"}", "no field `text`, only id, body");
        check_refused("{}", "no field `text`");
        check_refused("{\"text\": 1}", "is a number, not text");
        check_refused("{\"text\": null}", "is null, not text");
        for (line, kind) in [("[1]", "a list"), ("null", "null"), ("true", "a boolean"), ("-1", "a number")] {
            check_refused(line, &format!("it is {kind}, not"));
        }
        check_refused("{\"text\": ", "not JSON");
        check_refused("", "not JSON");
        check_refused("\"a\" \"b\"", "not JSON");
        check_refused(&"[".repeat(100_000), "not JSON");
        check_refused(&format!("{{\"a\": {}", "[".repeat(100_000)), "not JSON");
    }

    fn values(table: &mut Table, line: &str) -> Result<Vec<Value>, String> {
        match JsonlReader::record(line, "text", Some(table))?.columns() {
            Columns::Values { values, .. } => Ok(values.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn columns_are_those_of_the_first_record() {
        let mut table = Table::default();
        let first = values(&mut table, r#"{"id": 1, "text": "a", "f": 0.5, "b": true, "s": "x", "l": [1]}"#).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(first, [Value::Int(1), Value::Null, Value::Float(0.5), Value::Bool(true), text("x"), text("[1]")]);
        let second = values(&mut table, r#"{"s": {"a": 1}, "more": 1, "f": 2, "text": "b", "l": "y"}"#).unwrap();
        assert_eq!(second, [Value::Null, Value::Null, Value::Float(2.0), Value::Null, text("{\"a\":1}"), text("y")]);
        assert_eq!(table.unknown.iter().collect::<Vec<_>>(), ["more"]);
        for (line, expected) in [
            (r#"{"text": "c", "id": 1.5}"#, "`id` is 1.5, but a whole number of 64 bits in the first"),
            (r#"{"text": "c", "id": 18446744073709551615}"#, "but a whole number"),
            (r#"{"text": "c", "b": "no"}"#, "`b` is a string, but a boolean"),
        ] {
            assert!(values(&mut table, line).unwrap_err().contains(expected), "{line}");
        }
        assert_eq!(values(&mut table, "\"alone\"").unwrap(), vec![Value::Null; 6]);
    }
}
