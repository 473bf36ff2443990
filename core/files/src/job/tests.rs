//! Jobs that are interrupted everywhere, and what is left of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain_contract::ErrorKind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{InputFacts, OutputFormat, Record, Rows, Target};

const RECORDS: u64 = 400;
const WINDOW: u64 = 70;
const DIM: usize = 3;

fn options(path: &Path, shard_rows: Option<u64>, format: OutputFormat) -> JobOptions {
    let path = path.to_owned();
    let inputs = vec![InputFacts { name: "in".to_owned(), bytes: Some(7), stamp: None }];
    JobOptions {
        target: match shard_rows {
            Some(shard_rows) => Target::Folder { path, shard_rows },
            None => Target::File(path),
        },
        format,
        dim: DIM,
        identity: Identity::new(inputs, BTreeMap::from([("model".to_owned(), "m".to_owned())])),
        checkpoint_every: Duration::ZERO,
    }
}

/// Runs windows until there are no more, or so many.
fn run(job: &mut Job, most: usize) {
    let start = job.start().clone();
    // Whoever computes vectors begins where it was told to.
    let mut at = start.position.as_u64().unwrap_or_default();
    assert_eq!(at, start.records);
    for _ in 0..most {
        let end = (at + WINDOW).min(RECORDS);
        if at == end {
            return;
        }
        let records: Vec<Record> = (at..end).map(|n| Record::new(format!("text {n}"))).collect();
        let numbers: Vec<f32> = (at * 3..end * 3).map(|n| n as f32 / 7.0).collect();
        job.append(Rows::new(&records, &numbers, DIM).unwrap(), || json!(end)).unwrap();
        at = end;
    }
}

/// Every file of an output with its contents.
fn files(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let named = if path.is_dir() {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    } else {
        vec![path.to_owned()]
    };
    let below = |file: &Path| file.strip_prefix(path).unwrap().to_owned();
    named.iter().map(|file| (below(file), fs::read(file).unwrap())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    Interrupted,
    Failed,
}

/// Ends a job after each so many windows, until it is complete; the output is the one that was never interrupted.
fn check(format: OutputFormat, shard_rows: Option<u64>, end: End, windows: usize) {
    let folder = TempDir::new().unwrap();
    let (whole, path) = (folder.path().join("whole"), folder.path().join("out"));
    let mut job = Job::begin(options(&whole, shard_rows, format)).unwrap();
    run(&mut job, usize::MAX);
    job.finish().unwrap();
    assert_eq!(names(folder.path()), ["whole"]);
    let context = format!("{format:?} {shard_rows:?} {end:?} after {windows}");
    let options = options(&path, shard_rows, format);
    let mut job = Job::begin(options.clone()).unwrap();
    run(&mut job, windows);
    for windows in windows.. {
        match end {
            End::Killed => drop(job),
            End::Interrupted => {
                let kept = job.interrupt().unwrap().unwrap();
                assert!(path.exists() && kept.resumes_at <= kept.records, "{context}: {kept:?}");
                assert!(files(&path).keys().all(|name| name.extension() != Some("part".as_ref())), "{context}");
            }
            End::Failed => drop(job.keep()),
        }
        let resumed = match Job::resume(options.clone()) {
            // Nothing is kept of a Parquet file before it is complete.
            Err(err) if err.kind() == ErrorKind::NotFound && matches!(end, End::Failed) => Job::begin(options.clone()),
            resumed => resumed,
        };
        job = resumed.unwrap_or_else(|err| panic!("{context}: {err:?}"));
        let first = job.start().records;
        run(&mut job, windows);
        if first + windows as u64 * WINDOW >= RECORDS {
            break;
        }
    }
    job.finish().unwrap();
    assert!(files(&whole) == files(&path), "{context}");
    assert_eq!(names(folder.path()), ["out", "whole"], "{context}");
}

/// However often and in whatever way it ends before its end.
fn check_all(format: OutputFormat) {
    for shard_rows in [None, Some(WINDOW), Some(33)] {
        check(format, shard_rows, End::Killed, 1);
        check(format, shard_rows, End::Interrupted, 2);
        check(format, shard_rows, End::Failed, 3);
    }
}

#[test]
fn json_lines_that_end_anywhere_come_to_the_same_bytes() {
    check_all(OutputFormat::Jsonl);
}

#[test]
fn arrays_that_end_anywhere_come_to_the_same_bytes() {
    check_all(OutputFormat::Npy);
}

#[test]
fn safetensors_that_end_anywhere_come_to_the_same_bytes() {
    check_all(OutputFormat::Safetensors);
}

#[test]
fn parquet_that_ends_anywhere_comes_to_the_same_bytes() {
    check_all(OutputFormat::Parquet);
}

#[test]
fn an_interrupted_output_is_well_formed_and_ends_at_a_record() {
    let folder = TempDir::new().unwrap();
    for format in [OutputFormat::Jsonl, OutputFormat::Npy, OutputFormat::Safetensors, OutputFormat::Parquet] {
        let path = folder.path().join("out");
        let mut job = Job::begin(options(&path, None, format)).unwrap();
        assert_eq!(names(folder.path()), ["out.job.json", "out.part"]);
        run(&mut job, 2);
        let kept = job.interrupt().unwrap().unwrap();
        let resumes_at = if format == OutputFormat::Parquet { 0 } else { 140 };
        assert_eq!(kept, Kept { path: path.clone(), records: 140, resumes_at });
        assert_eq!(names(folder.path()), ["out", "out.job.json"]);
        let bytes = fs::read(&path).unwrap();
        let n_rows = match format {
            OutputFormat::Jsonl => bytes.iter().filter(|&&byte| byte == b'\n').count(),
            OutputFormat::Npy => npyz::NpyFile::new(&bytes[..]).unwrap().shape()[0] as usize,
            OutputFormat::Safetensors => {
                safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor("embeddings").unwrap().shape()[0]
            }
            OutputFormat::Parquet => {
                let file = fs::File::open(&path).unwrap();
                let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(file, 1024).unwrap();
                reader.map(|batch| batch.unwrap().num_rows()).sum()
            }
        };
        assert_eq!(n_rows, 140, "{format:?}");
        fs::remove_file(&path).unwrap();
        fs::remove_file(folder.path().join("out.job.json")).unwrap();
    }
}

#[test]
fn a_job_without_a_record_leaves_nothing() {
    for shard_rows in [None, Some(10)] {
        let folder = TempDir::new().unwrap();
        let options = options(&folder.path().join("out"), shard_rows, OutputFormat::Npy);
        assert_eq!(Job::begin(options.clone()).unwrap().interrupt().unwrap(), None);
        assert_eq!(names(folder.path()), [""; 0]);
        assert_eq!(Job::begin(options.clone()).unwrap().keep(), None);
        assert_eq!(names(folder.path()), [""; 0]);
        Job::begin(options.clone()).unwrap().finish().unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        assert_eq!(files(options.target.path()).len(), 1, "an output without rows is an output");
    }
}

#[test]
fn what_cannot_be_gone_on_with_is_said() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("out");
    let options = options(&path, None, OutputFormat::Npy);
    let refused = |options: &JobOptions, kind: ErrorKind, part: &str| {
        let err = Job::resume(options.clone()).unwrap_err();
        assert!(err.kind() == kind && err.to_text().contains(part), "{err:?}");
    };
    refused(&options, ErrorKind::NotFound, "nothing to resume");
    let mut job = Job::begin(options.clone()).unwrap();
    run(&mut job, 3);
    refused(&options, ErrorKind::Busy, "another process");
    assert_eq!(Job::begin(options.clone()).unwrap_err().kind(), ErrorKind::Busy);
    job.interrupt().unwrap().unwrap();
    refused(&JobOptions { dim: 4, ..options.clone() }, ErrorKind::Invalid, "dimensions was `3`, and is `4` now");
    let other = Identity::new(Vec::new(), BTreeMap::new());
    refused(&JobOptions { identity: other, ..options.clone() }, ErrorKind::Invalid, "model was `m`");
    fs::write(&path, "short").unwrap();
    refused(&options, ErrorKind::Invalid, "has 5 bytes, not the");
    fs::remove_file(&path).unwrap();
    refused(&options, ErrorKind::NotFound, "are gone");
    let sidecar = folder.path().join("out.job.json");
    let good: Value = serde_json::from_slice(&fs::read(&sidecar).unwrap()).unwrap();
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        changed[key] = value;
        changed.to_string()
    };
    for (text, part) in [
        (String::new(), "cannot be used"),
        ("[".repeat(1 << 20), "cannot be used"),
        ("{}".to_owned(), "no format version"),
        (with("format_version", json!(2)), "format version 2"),
        (with("records", json!(-1)), "cannot be used"),
        (with("records", json!(u64::MAX)), "contradicts itself"),
        (with("output", json!({"shards": u64::MAX, "rows": u64::MAX, "bytes": u64::MAX})), "are gone"),
        (" ".repeat(17 << 20), "longer than"),
    ] {
        fs::write(&sidecar, &text).unwrap();
        let err = Job::resume(options.clone()).unwrap_err();
        assert!(err.to_text().contains(part), "{err:?}");
    }
    fs::write(&sidecar, "{").unwrap();
    Job::begin(options).unwrap().finish().unwrap();
    assert_eq!(names(folder.path()), ["out"], "a new beginning does not ask what was before");
}

#[test]
fn a_folder_with_files_is_not_mixed_with_others() {
    let folder = TempDir::new().unwrap();
    let options = options(&folder.path().join("out"), Some(100), OutputFormat::Jsonl);
    let mut job = Job::begin(options.clone()).unwrap();
    run(&mut job, usize::MAX);
    job.finish().unwrap();
    let before = files(options.target.path());
    assert_eq!(before.len(), 4);
    let err = Job::begin(options.clone()).unwrap_err();
    assert!(err.message().contains("holds `part-00000.jsonl` already"), "{err}");
    assert_eq!(files(options.target.path()), before);
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_pipe_or_a_device_is_written_directly() {
    let options = options(Path::new("/dev/null"), None, OutputFormat::Npy);
    let mut job = Job::begin(options.clone()).unwrap();
    run(&mut job, 2);
    job.finish().unwrap();
    assert_eq!(Job::resume(options).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!Path::new("/dev/null.job.json").exists() && !Path::new("/dev/null.part").exists());
}
