//! What torch writes: the archive, and the pickle in it.

use std::{
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use drivetrain::{
    Error,
    package::{Files, Weights},
};
use drivetrain_tests::fixtures_dir;
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::{
    case::{Target, put},
    run,
    weights::write_numbers,
};

const FILE: &str = "pytorch_model.bin";
/// Where a pickle lies before it is put into an archive.
const PICKLE: &str = "pickle";

#[test]
fn torch_archives() {
    run::run(&Target {
        name: "torch-archive",
        seeds: vec![(FILE, tiny())],
        mend: |bytes| bytes,
        prepare: |_| {},
        read: |folder| read_file(folder, FILE),
    });
}

#[test]
fn torch_pickles() {
    let mut pickle = Vec::new();
    let mut archive = ZipArchive::new(Cursor::new(tiny())).expect("an archive");
    std::io::copy(&mut archive.by_name("tiny/data.pkl").expect("a pickle"), &mut pickle).expect("a pickle");
    run::run(&Target {
        name: "torch-pickle",
        seeds: vec![(PICKLE, pickle)],
        mend: |bytes| bytes,
        prepare: |_| {},
        read: read_pickle,
    });
}

fn tiny() -> Vec<u8> {
    fs::read(fixtures_dir().join("pytorch/tiny.bin")).expect("a fixture")
}

/// Reads the pickle with the storages of the fixture.
pub(crate) fn read_pickle(folder: &Path) -> Result<String, Error> {
    let pickle = fs::read(folder.join(PICKLE)).expect("a pickle");
    put(&folder.join(FILE), &archive(&pickle));
    read_file(folder, FILE)
}

/// An archive with this pickle, and storages of 48 bytes.
pub(crate) fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(name, plain).and_then(|()| Ok(archive.write_all(bytes)?)).expect("a member");
    };
    add("tiny/data.pkl", pickle);
    (0..10).for_each(|key| add(&format!("tiny/data/{key}"), &[1; 48]));
    archive.finish().expect("an archive").into_inner()
}

pub(crate) fn read_file(folder: &Path, file: &str) -> Result<String, Error> {
    let weights = Weights::open(&Files::Dir(folder.to_owned()), file)?;
    let mut read = String::new();
    for name in weights.names() {
        let info = weights.get(name).expect("a tensor that is listed");
        let n_bytes = info.elements() * info.dtype.bitsize() / 8;
        assert_eq!(weights.read_raw(name)?.len(), n_bytes, "{name}");
        write_numbers(&weights, name, &mut read);
    }
    Ok(read)
}
