//! Reading, from files as users have them to files that are hostile.

use std::{
    fs,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use ::parquet::{arrow::ArrowWriter, file::properties::WriterProperties};
use arrow_array::{
    ArrayRef, DictionaryArray, Int32Array, LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
    types::Int32Type,
};
use drivetrain_contract::ErrorKind;
use tempfile::TempDir;

use super::*;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }
}

/// The texts, and the error after them if there is one.
fn read(inputs: &[&Path], options: &ReadOptions) -> (Vec<String>, Option<String>) {
    let inputs = inputs.iter().map(|path| Input::Path(path.to_path_buf())).collect();
    let sources = match Sources::find(inputs, None) {
        Ok(sources) => sources,
        Err(err) => return (Vec::new(), Some(err.to_text())),
    };
    let (mut texts, mut told) = (Vec::new(), None);
    for record in sources.read(options.clone()) {
        assert_eq!(told, None, "an error is the last thing");
        match record {
            Ok(record) => texts.push(record.text().to_owned()),
            Err(err) => told = Some(err.to_text()),
        }
    }
    (texts, told)
}

fn check(path: &Path, expected: &[&str]) {
    assert_eq!(read(&[path], &ReadOptions::default()), (expected.iter().map(ToString::to_string).collect(), None));
}

fn check_refused(path: &Path, options: &ReadOptions, parts: &[&str]) {
    let (_, told) = read(&[path], options);
    let told = told.unwrap_or_else(|| panic!("{path:?} was read"));
    let name = path.file_name().unwrap().to_string_lossy();
    for part in parts.iter().chain([&&*name]) {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn parquet(columns: Vec<(&str, ArrayRef)>, row_group: usize) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("text {n} {}", "ñ ".repeat(n % 50))).collect()
}

#[test]
fn every_format_is_read_packed_or_not() {
    let place = Place::new();
    let files: [(&str, &str); 5] = [
        ("a.txt", "one\ntwo\n"),
        ("a.jsonl", "\"one\"\n{\"text\": \"two\"}\n"),
        ("a.csv", "id,text\n1,one\n2,two\n"),
        ("a.tsv", "text\tid\none\t1\ntwo\t2\n"),
        ("a.log", "one\ntwo"),
    ];
    for (name, text) in files {
        check(&place.write(name, text), &["one", "two"]);
        check(&place.write(&format!("{name}.gz"), gzip(text.as_bytes())), &["one", "two"]);
        let (head, tail) = text.as_bytes().split_at(4);
        check(&place.write(&format!("{name}.gz"), [gzip(head), gzip(tail)].concat()), &["one", "two"]);
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
        check(&place.write(&format!("{name}.zst"), zstd(text.as_bytes())), &["one", "two"]);
        check(&place.write(&format!("{name}.zst"), [zstd(head), zstd(tail)].concat()), &["one", "two"]);
        check(&place.write(name, ""), &[]);
    }
    let column: ArrayRef = Arc::new(StringArray::from(vec!["one", "two"]));
    check(&place.write("a.parquet", parquet(vec![("body", column)], 1)), &["one", "two"]);
}

#[test]
fn text_is_read_from_parquet_however_it_is_stored_and_over_many_row_groups() {
    let place = Place::new();
    let texts = texts(3000);
    let kinds: [ArrayRef; 4] = [
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from_iter_values(texts.iter())),
        Arc::new(texts.iter().map(String::as_str).collect::<DictionaryArray<Int32Type>>()),
    ];
    for kind in kinds {
        let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..3000));
        for keep_columns in [false, true] {
            let path = place.write("a.parquet", parquet(vec![("id", ids.clone()), ("text", kind.clone())], 700));
            let (found, told) = read(&[&path], &ReadOptions { keep_columns, ..ReadOptions::default() });
            assert_eq!((found == texts, told), (true, None), "{:?}", kind.data_type());
        }
    }
}

#[test]
fn columns_without_text_are_refused_by_name_and_nulls_by_row() {
    let place = Place::new();
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]));
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None]));
    let path = place.write("a.parquet", parquet(vec![("id", ids), ("l", lists), ("text", nulls)], 10));
    let options = |column: &str| ReadOptions { column: Some(column.to_owned()), ..ReadOptions::default() };
    check_refused(&path, &options("id"), &["column `id`", "Int32, not text"]);
    check_refused(&path, &options("1"), &["column `l`", "not text"]);
    check_refused(&path, &options("body"), &["no column `body`", "id, l, text", "--column"]);
    check_refused(&path, &options("text"), &["row 2", "null", "--skip-errors"]);
    let skipping = ReadOptions { skip_errors: true, ..ReadOptions::default() };
    assert_eq!(read(&[&path], &skipping), (vec!["one".to_owned()], None));
}

#[test]
fn files_that_are_cut_short_or_something_else_are_refused() {
    let place = Place::new();
    let text = texts(5000).join("\n");
    let gz = gzip(text.as_bytes());
    let zst = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let column: ArrayRef = Arc::new(StringArray::from(texts(5000)));
    let table = parquet(vec![("text", column)], 1000);
    for (name, whole) in [("a.txt.gz", &gz), ("a.txt.zst", &zst), ("a.parquet", &table)] {
        for length in [1, 9, whole.len() / 2, whole.len() - 1] {
            check_refused(&place.write(name, &whole[..length]), &ReadOptions::default(), &["cannot read"]);
        }
        check_refused(&place.write(name, "something else, and long enough"), &ReadOptions::default(), &["cannot read"]);
    }
    check_refused(&place.write("b.parquet", ""), &ReadOptions::default(), &["cannot read"]);
    check_refused(&place.write("a.parquet.gz", gzip(&table)), &ReadOptions::default(), &["not packed again"]);
    check_refused(&place.path("none.txt"), &ReadOptions::default(), &["cannot read"]);
}

#[test]
fn broken_parquet_is_an_error_or_other_text_but_never_a_crash() {
    let place = Place::new();
    let column: ArrayRef = Arc::new(StringArray::from(texts(300)));
    let ids: ArrayRef = Arc::new(Int32Array::from_iter_values(0..300));
    let table = parquet(vec![("text", column), ("id", ids)], 100);
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut refused = 0;
    for round in 0..600 {
        let mut broken = table.clone();
        for _ in 0..=random(3) {
            // The description at the end is as likely a victim as the data.
            let place = if round % 2 == 0 { random(table.len()) } else { table.len() - 1 - random(900) };
            broken[place] = random(256) as u8;
        }
        let options = ReadOptions { keep_columns: round % 3 == 0, skip_errors: true, ..ReadOptions::default() };
        refused += usize::from(read(&[&place.write("a.parquet", broken)], &options).1.is_some());
    }
    assert!(refused > 50, "{refused} of 600 were refused");
}

#[test]
fn lengths_that_cannot_be_are_refused_before_they_are_allocated() {
    let place = Place::new();
    // A footer said to be of two gigabytes.
    let claim = [&b"PAR1"[..], &[0; 64], &0x7fff_ffff_u32.to_le_bytes(), b"PAR1"].concat();
    check_refused(&place.write("a.parquet", claim), &ReadOptions::default(), &["cannot read"]);
    // A zstd frame that wants a window of two terabytes.
    let claim = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8][..], &[0; 64]].concat();
    check_refused(&place.write("a.txt.zst", claim), &ReadOptions::default(), &["cannot read"]);
}

#[test]
fn folders_and_patterns_stand_for_their_files_in_order() {
    let place = Place::new();
    for name in ["d/b.txt", "d/a/z.jsonl", "d/a.csv", "d/.hidden.txt", "d/.git/x.txt", "d/notes.md", "d/c.txt.part"] {
        let text = format!("{name:?}\n");
        place.write(name, if name.ends_with("csv") { format!("text\n{name}\n") } else { text });
    }
    let (found, told) = read(&[&place.path("d")], &ReadOptions::default());
    assert_eq!((found, told), (["d/a/z.jsonl", "d/a.csv", "\"d/b.txt\""].map(str::to_owned).to_vec(), None));
    let (found, _) = read(&[&place.path("d/*.txt"), &place.path("d/**/*.jsonl")], &ReadOptions::default());
    assert_eq!(found, ["\"d/b.txt\"", "d/a/z.jsonl"]);
    place.write("d/[1].txt", "literal");
    check(&place.path("d/[1].txt"), &["literal"]);
    let refused = |path: &str, kind: ErrorKind, part: &str| {
        let err = Sources::find(vec![Input::Path(place.path(path))], None).unwrap_err();
        assert!(err.kind() == kind && err.message().contains(part), "{err:?}");
    };
    refused("d/*.tsv", ErrorKind::NotFound, "no file like");
    place.write("empty/notes.md", "");
    refused("empty", ErrorKind::NotFound, "is a folder without a file");
    refused("d/[", ErrorKind::Invalid, "not a pattern");
    refused("none.txt", ErrorKind::Io, "cannot read");
}

#[test]
fn the_output_is_no_input() {
    let place = Place::new();
    place.write("d/a.txt", "one");
    let out = place.write("d/out.jsonl", "\"old\"");
    let find = |input: &str| Sources::find(vec![Input::Path(place.path(input))], Some(&out));
    assert_eq!(find("d").unwrap().facts().len(), 1);
    assert_eq!(find("d/*").unwrap().facts().len(), 1);
    assert!(find("d/../d/out.jsonl").unwrap_err().message().contains("both input and output"));
    let folder = place.path("d/shards");
    place.write("d/shards/part-00000.jsonl", "\"old\"");
    assert_eq!(Sources::find(vec![Input::Path(place.path("d"))], Some(&folder)).unwrap().facts().len(), 2);
}

#[test]
fn skipping_and_limits_count_records_of_all_inputs() {
    let place = Place::new();
    let a = place.write("a.jsonl", "\"0\"\nnonsense\n\"1\"\n");
    let b = place.write("b.txt", "2\n3\n4\n");
    let check = |skip: u64, limit: Option<u64>, expected: &[&str]| {
        let options = ReadOptions { skip, limit, skip_errors: true, ..ReadOptions::default() };
        assert_eq!(read(&[&a, &b], &options), (expected.iter().map(ToString::to_string).collect(), None));
    };
    check(0, None, &["0", "1", "2", "3", "4"]);
    check(1, Some(2), &["1", "2"]);
    check(3, None, &["3", "4"]);
    check(9, None, &[]);
    check(0, Some(0), &[]);
    let (texts, told) = read(&[&a, &b], &ReadOptions::default());
    assert_eq!(texts, ["0"]);
    assert!(told.unwrap().contains("line 2 of"));
}

#[test]
fn reading_ends_when_it_is_told_to_also_while_it_passes_over_records() {
    let endless = || Box::new(std::io::BufReader::new(std::io::repeat(b'\n')));
    for (skip, skip_errors, format) in [(u64::MAX, false, InputFormat::Txt), (0, true, InputFormat::Jsonl)] {
        let sources = Sources::find(vec![Input::Stream("a stream".to_owned(), endless())], None).unwrap();
        let asked = std::sync::atomic::AtomicU32::new(0);
        let enough = move || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1000;
        let options = ReadOptions { skip, skip_errors, format: Some(format), ..ReadOptions::default() };
        let mut records = sources.read(options).until(enough);
        assert_eq!(records.next().unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(records.next().is_none());
    }
}

#[test]
fn what_was_read_is_counted() {
    let place = Place::new();
    let column: ArrayRef = Arc::new(StringArray::from(texts(2500)));
    let table = place.write("a.parquet", parquet(vec![("text", column)], 1000));
    let text = place.write("b.jsonl.gz", gzip(b"\"x\"\nnonsense\n"));
    let inputs = [table, text].map(Input::Path).into_iter();
    let stream = Input::Stream("a stream".to_owned(), Box::new(Cursor::new("x\n")));
    let sources = Sources::find(inputs.collect(), None).unwrap();
    let n_bytes = sources.n_bytes().unwrap();
    let mut records = sources.read(ReadOptions { skip_errors: true, ..ReadOptions::default() });
    let counts = records.counts();
    assert_eq!(records.by_ref().filter(Result::is_ok).count(), 2501);
    assert_eq!((counts.n_bytes(), counts.n_records(), counts.left_out()), (n_bytes, 2501, 1));
    let lines = place.write("c.txt", "x\n".repeat(1000));
    let mut records = Sources::find(vec![Input::Path(lines)], None).unwrap().read(ReadOptions::default());
    records.by_ref().take(10).for_each(drop);
    assert_eq!(records.counts().n_bytes(), 20, "what lies ready in memory does not count");
    let sources = Sources::find(vec![Input::Texts(vec!["a".to_owned()]), stream], None).unwrap();
    assert_eq!(sources.n_bytes(), None);
    assert!(sources.read(ReadOptions::default()).map(|record| record.unwrap().text().to_owned()).eq(["a", "x"]));
}

#[test]
fn columns_are_kept_only_where_all_inputs_have_the_same() {
    let place = Place::new();
    let a = place.write("a.csv", "id,text\n1,one\n");
    let same = place.write("b.csv", "id,text\n2,two\n");
    let other = place.write("c.csv", "text,id\nthree,3\n");
    let keep = ReadOptions { keep_columns: true, ..ReadOptions::default() };
    assert_eq!(read(&[&a, &same], &keep), (vec!["one".to_owned(), "two".to_owned()], None));
    let (_, told) = read(&[&a, &other], &keep);
    assert!(told.unwrap().contains("c.csv` has other columns"));
    assert_eq!(read(&[&a, &other], &ReadOptions::default()).1, None);
}
