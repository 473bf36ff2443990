//! `drivetrain.json`: where an installed model came from and which files belong to it.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{digest::Digest, failure::io_error, names::is_inside};

/// Name of the record in a model's folder.
pub const RECORD_FILE: &str = "drivetrain.json";

const FORMAT_VERSION: u32 = 1;

/// Far more than any record needs; what is longer was not written by us.
const MAX_BYTES: u64 = 16 << 20;

/// Where an installed model came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format: 1.
    pub format_version: u32,
    /// Name on the hub: `ORG/NAME`.
    pub id: String,
    /// Address of the hub it was fetched from.
    pub endpoint: String,
    /// The revision that was asked for.
    pub revision: String,
    /// The commit it stood for.
    pub commit: String,
    /// The files that were fetched, sorted by path.
    pub files: Vec<FileRecord>,
}

/// One file of an installed model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path in the model's folder.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// Checksum.
    pub digest: Digest,
}

/// What [`crate::ArtifactRecords`] writes where there was no record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArtifactsOnly {
    #[serde(rename = "format_version")]
    _format_version: u32,
    #[serde(rename = "artifacts")]
    _artifacts: IgnoredAny,
}

impl Record {
    /// The version of the format that this program writes.
    pub(crate) const FORMAT_VERSION: u32 = FORMAT_VERSION;

    /// The record in a model's folder; `None` where there is none, as in a model that was put there by hand.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when there is one that cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(RECORD_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let bad = |why: &str| {
            Error::model(format!("`{}` {why}", path.display())).with_hint("fetch the model again, or remove the file")
        };
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
        read.map_err(|err| io_error("read", &path, err))?;
        // Where artifacts were made in the folder of a model that is not from the hub, the file speaks of those only.
        if serde_json::from_slice::<ArtifactsOnly>(&text).is_ok() {
            return Ok(None);
        }
        let record: Self =
            serde_json::from_slice(&text).map_err(|err| bad("is not the record it should be").with_source(err))?;
        if record.format_version != FORMAT_VERSION {
            return Err(bad(&format!("has the unknown format version {}", record.format_version)));
        }
        if !record.files.iter().all(|file| is_inside(&file.path)) {
            return Err(bad("names files outside the model"));
        }
        Ok(Some(record))
    }

    /// Writes the record into a model's folder, down to the disk.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(RECORD_FILE);
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|err| Error::internal(format!("failed to encode `{RECORD_FILE}`")).with_source(err))?;
        text.push(b'\n');
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|err| io_error("write", &path, err))
    }

    /// Whether every file is there with its length. Checksums are not computed.
    pub fn is_complete(&self, folder: &Path) -> bool {
        self.files.iter().all(|file| {
            folder.join(&file.path).metadata().is_ok_and(|facts| facts.is_file() && facts.len() == file.bytes)
        })
    }

    /// Whether it holds each of these files.
    pub(crate) fn covers<'p>(&self, mut paths: impl Iterator<Item = &'p String>) -> bool {
        paths.all(|path| self.files.iter().any(|file| file.path == *path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn record() -> Record {
        Record {
            format_version: FORMAT_VERSION,
            id: "org/name".into(),
            endpoint: "https://hub.example".into(),
            revision: "main".into(),
            commit: "0a".repeat(20),
            files: vec![FileRecord { path: "config.json".into(), bytes: 2, digest: Digest::GitSha1("1b".repeat(20)) }],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
        record().write(dir.path()).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), Some(record()));
        assert!(!record().is_complete(dir.path()));
        fs::write(dir.path().join("config.json"), "{}").unwrap();
        assert!(record().is_complete(dir.path()));
    }

    #[test]
    fn records_of_artifacts_alone_are_no_record() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(RECORD_FILE), r#"{"format_version": 1, "artifacts": {"model.onnx": {}}}"#).unwrap();
        assert_eq!(Record::read(dir.path()).unwrap(), None);
    }

    #[test]
    fn strange_records_are_errors_that_name_the_file() {
        let good = serde_json::to_string(&record()).unwrap();
        for text in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"format_version\":1", "\"format_version\":2"),
            good.replace("config.json", "../config.json"),
            good.replace("git-sha1:", "md5:"),
            "[".repeat(1_000_000),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(RECORD_FILE), &text).unwrap();
            let err = Record::read(dir.path()).unwrap_err();
            assert!(err.message().contains(RECORD_FILE) && err.hint().is_some(), "{err}");
        }
    }
}
