//! What plugins said when they were asked, kept in a file, so that nothing is opened twice for the same answer.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use drivetrain_contract::{Error, Probe, Result};
use serde::{Deserialize, Serialize};

use super::Identity;
use crate::cache_file;

/// Version of the file, the only one there is so far.
const VERSION: u32 = 1;
/// Enough for every engine in several versions and with several settings. The oldest are dropped.
const MAX_RECORDS: usize = 64;

/// What the answer of a plugin depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginKey {
    /// Id of the plugin.
    pub id: String,
    /// The program, the plugin's library, and the native libraries it needs, as far as they are there.
    pub files: Vec<FileStamp>,
    /// Settings it is opened with, as JSON.
    pub config: String,
    /// The machine.
    pub hardware: Identity,
}

/// What tells that a file is another one than before without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileStamp {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Nanoseconds from 1970 to its last change.
    pub modified_ns: u64,
    /// Its number in the file system; 0 where there is none.
    pub inode: u64,
}

/// What became of a plugin that was opened in a process of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PluginOutcome {
    /// It was opened and answered.
    Works {
        /// Version of the adapter.
        version: String,
        /// Devices and formats.
        probe: Probe,
        /// Milliseconds it took to load, open and ask it.
        took_ms: u64,
    },
    /// It failed, crashed, or did not answer in time: it is not to be opened again.
    Refused {
        /// What happened.
        why: String,
        /// The way out, where one is known.
        hint: Option<String>,
        /// Code of the kind of error, by [`drivetrain_contract::ErrorKind::code`].
        #[serde(default)]
        code: i32,
    },
}

impl PluginOutcome {
    /// Devices and formats, if it works.
    pub fn probe(&self) -> Option<&Probe> {
        match self {
            PluginOutcome::Works { probe, .. } => Some(probe),
            PluginOutcome::Refused { .. } => None,
        }
    }
}

/// Outcomes by what they depend on.
#[derive(Clone, Debug, Default)]
pub struct PluginRecords {
    records: Vec<Record>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: PluginKey,
    outcome: PluginOutcome,
}

impl FileStamp {
    /// The stamp of a file as it is now.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it is not there.
    pub fn of(path: &Path) -> Result<Self> {
        let unreadable = |err| Error::io(format!("cannot look at `{}`", path.display())).with_source(err);
        let metadata = fs::metadata(path).map_err(unreadable)?;
        // A file system without times, or a time before 1970, is as good as any other that stays the same.
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        Ok(Self { path: path.to_path_buf(), bytes: metadata.len(), modified_ns, inode: inode(&metadata) })
    }
}

#[cfg(unix)]
fn inode(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_metadata: &fs::Metadata) -> u64 {
    0
}

impl PluginRecords {
    /// The records in a file. No file is none.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when
    /// it is broken or of another version. Everything in it can be found out again.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self { records: cache_file::read(path, VERSION)?.unwrap_or_default() })
    }

    /// What became of a plugin under the same circumstances.
    pub fn get(&self, key: &PluginKey) -> Option<&PluginOutcome> {
        self.records.iter().rev().find(|record| record.key == *key).map(|record| &record.outcome)
    }

    /// Remembers what became of it.
    pub fn put(&mut self, key: PluginKey, outcome: PluginOutcome) {
        self.records.retain(|record| record.key != key);
        self.records.push(Record { key, outcome });
        let too_many = self.records.len().saturating_sub(MAX_RECORDS);
        self.records.drain(..too_many);
    }

    /// Writes the file, which is there when it is whole. Its folder is made.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        cache_file::write(path, VERSION, &self.records)
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::probe::Hardware;

    fn key(id: &str, file: &Path) -> PluginKey {
        let files = vec![FileStamp::of(file).unwrap()];
        PluginKey { id: id.to_owned(), files, config: "{}".to_owned(), hardware: Hardware::unknown().identity() }
    }

    fn refused(why: &str) -> PluginOutcome {
        PluginOutcome::Refused { why: why.to_owned(), hint: None, code: 0 }
    }

    #[test]
    fn outcomes_are_kept_until_something_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (library, path) = (folder.path().join("library"), folder.path().join("cache/plugins.json"));
        fs::write(&library, "a").unwrap();
        let before = key("engine", &library);
        let works = PluginOutcome::Works { version: "1".to_owned(), probe: Probe::default(), took_ms: 3 };
        let mut records = PluginRecords::default();
        records.put(before.clone(), refused("it crashed"));
        records.put(before.clone(), works.clone());
        records.write(&path).unwrap();
        let read = PluginRecords::read(&path).unwrap();
        assert_eq!((read.get(&before), read.records.len()), (Some(&works), 1));

        let other_settings = PluginKey { config: "{\"a\":1}".to_owned(), ..before.clone() };
        assert_eq!(read.get(&other_settings), None);
        fs::write(&library, "ab").unwrap();
        assert_eq!(read.get(&key("engine", &library)), None);
        assert_eq!(FileStamp::of(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn the_oldest_records_are_dropped() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut records = PluginRecords::default();
        for idx in 0..=MAX_RECORDS {
            records.put(key(&idx.to_string(), file.path()), refused("x"));
        }
        assert_eq!(records.records.len(), MAX_RECORDS);
        assert_eq!(records.get(&key("0", file.path())), None);
        assert!(records.get(&key("1", file.path())).is_some());
    }

    #[test]
    fn files_that_cannot_be_read_are_errors_that_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plugins.json");
        assert!(PluginRecords::read(&path).unwrap().records.is_empty());
        let check = |text: &[u8], expected: &str| {
            fs::write(&path, text).unwrap();
            let err = PluginRecords::read(&path).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Invalid);
            assert!(err.message().contains(expected), "{err}");
        };
        check(b"", "are broken");
        check(b"\xff\x00", "are broken");
        check(b"{\"version\":1}", "are broken");
        check(b"{\"version\":1,\"records\":[{}]}", "are broken");
        check(b"{\"version\":2,\"records\":{\"another\":\"form\"}}", "are of version 2, not 1");
        check(&vec![b' '; (8 << 20) + 1], "have more than");
        check("[".repeat(100_000).as_bytes(), "are broken");
        assert!(PluginRecords::read(folder.path()).unwrap_err().message().ends_with("is no file"));
    }
}
