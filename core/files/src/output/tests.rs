//! Parquet, read back by its own reader.

use std::{fs::File, path::Path, sync::Arc};

use ::parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, basic::Encoding};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, cast::AsArray, types::Float32Type};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat_batches;
use tempfile::TempDir;

use super::{parquet::ParquetFile, *};
use crate::{Input, ReadOptions, Record, Sources};

/// The records of a file that has these contents.
fn records(name: &str, contents: &[u8]) -> Vec<Record> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, contents).unwrap();
    let sources = Sources::find(vec![Input::Path(path)], None).unwrap();
    let options = ReadOptions { keep_columns: true, ..ReadOptions::default() };
    sources.read(options).map(Result::unwrap).collect()
}

/// Writes the records, so many at a time, each with its place as vector.
fn write(path: &Path, records: &[Record], portions: &[usize]) {
    let numbers: Vec<f32> = (0..records.len() * 3).map(|number| number as f32).collect();
    let rows = Rows::new(records, &numbers, 3).unwrap();
    let mut sink = Box::new(ParquetFile::create(path, 3).unwrap());
    let (mut start, mut portions) = (0, portions.iter().cycle());
    while start < rows.len() {
        let end = rows.len().min(start + portions.next().unwrap());
        sink.append(rows.slice(start..end)).unwrap();
        start = end;
    }
    sink.finish().unwrap();
}

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn columns(table: &RecordBatch) -> Vec<(String, DataType)> {
    let schema = table.schema();
    schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
}

fn embedding() -> (String, DataType) {
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    ("embedding".to_owned(), DataType::FixedSizeList(element, 3))
}

#[test]
fn the_columns_of_json_lines_keep_their_types() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.parquet");
    let lines = b"{\"id\": 1, \"text\": \"one\", \"f\": 0.5, \"b\": true, \"embedding\": 3}\n{\"text\": \"two\"}\n";
    write(&path, &records("a.jsonl", lines), &[1]);
    let table = read(&path);
    let expected =
        [("id", DataType::Int64), ("text", DataType::Utf8), ("f", DataType::Float64), ("b", DataType::Boolean)];
    let expected: Vec<_> =
        expected.map(|(name, kind)| (name.to_owned(), kind)).into_iter().chain([embedding()]).collect();
    assert_eq!(columns(&table), expected);
    assert_eq!(table["id"].as_ref(), &Int64Array::from(vec![Some(1), None]) as &dyn Array);
    assert_eq!(table["text"].as_ref(), &StringArray::from(vec!["one", "two"]) as &dyn Array);
    let vectors = table["embedding"].as_fixed_size_list();
    assert_eq!(vectors.value(1).as_primitive::<Float32Type>().values(), &[3.0, 4.0, 5.0]);
}

#[test]
fn the_columns_of_a_table_go_through_unchanged() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (folder.path().join("1.parquet"), folder.path().join("2.parquet"));
    let lines: String = (0..2500).map(|n| format!("{{\"id\": {n}, \"text\": \"t{n}\"}}\n")).collect();
    write(&first, &records("a.jsonl", lines.as_bytes()), &[700]);
    // What has vectors already gets new ones.
    let again = records("b.parquet", &std::fs::read(&first).unwrap());
    let backwards: Vec<Record> = again.iter().rev().cloned().collect();
    write(&second, &backwards, &[900]);
    let table = read(&second);
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..2500).rev()));
    assert_eq!((columns(&table), &table["id"]), (columns(&read(&first)), &ids));
    assert_eq!(table["text"].as_string::<i32>().value(0), "t2499");
    assert_eq!(table["embedding"].as_fixed_size_list().value(0).as_primitive::<Float32Type>().value(0), 0.0);
}

#[test]
fn plain_texts_and_csv_become_columns_of_text() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out.parquet");
    write(&path, &records("a.txt", b"one\ntwo\n"), &[2]);
    assert_eq!(columns(&read(&path)), [("text".to_owned(), DataType::Utf8), embedding()]);
    write(&path, &records("a.csv", b"id,text\n7,one\n"), &[1]);
    let table = read(&path);
    assert_eq!(table["id"].as_string::<i32>().value(0), "7");
    write(&path, &[], &[1]);
    assert_eq!((read(&path).num_rows(), columns(&read(&path)).len()), (0, 2));
}

#[test]
fn bytes_do_not_depend_on_how_many_rows_come_at_a_time() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (folder.path().join("1.parquet"), folder.path().join("2.parquet"));
    let texts: String = (0..5000).map(|n| format!("text {} of some\n", n % 700)).collect();
    let records = records("a.txt", texts.as_bytes());
    write(&first, &records, &[5000]);
    write(&second, &records, &[1, 256, 1023, 2000]);
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&first).unwrap()).unwrap();
    let column = reader.metadata().row_group(0).column(1);
    assert!(column.encodings().all(|encoding| encoding != Encoding::RLE_DICTIONARY), "{column:?}");
    assert_eq!(column.compression(), ::parquet::basic::Compression::UNCOMPRESSED);
}

#[test]
fn rows_of_another_kind_are_refused() {
    let folder = TempDir::new().unwrap();
    let mut sink = ParquetFile::create(&folder.path().join("out.parquet"), 3).unwrap();
    let mixed = [records("a.csv", b"id,text\n7,one\n"), vec![Record::new("two")]].concat();
    assert!(sink.append(Rows::new(&mixed, &[0.0; 6], 3).unwrap()).is_err());
    assert!(sink.append(Rows::new(&mixed[..1], &[0.0; 2], 2).unwrap()).is_err());
    assert!(Rows::new(&mixed, &[0.0; 5], 3).is_err());
    assert!(Rows::new(&[], &[], 0).is_err());
}
