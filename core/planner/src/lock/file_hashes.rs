//! Hashes of files, remembered by what tells that a file is another one without reading it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use drivetrain_contract::{Call, Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FileHash, LockedFile};
use crate::cache_file;
use crate::probe::FileStamp;

/// Version of the file, the only one there is so far.
const VERSION: u32 = 1;
/// Enough for hundreds of models. The oldest are dropped.
const MAX_RECORDS: usize = 4096;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 18;
/// A file that was changed so short a time ago may be changed again without its time telling: file systems count in
/// steps of up to two seconds (FAT), as git's "racy" entries know.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Hashes of files that were read before.
#[derive(Clone, Debug, Default)]
pub struct FileHashes {
    records: Vec<Record>,
    is_changed: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    file: FileStamp,
    sha256: FileHash,
}

impl FileHashes {
    /// The hashes in a file. No file is none.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] when
    /// it is broken or of another version. Everything in it can be found out again.
    pub fn read(path: &Path) -> Result<Self> {
        let records = cache_file::read(path, VERSION)?.unwrap_or_default();
        Ok(Self { records, is_changed: false })
    }

    /// Length and hash of a file: what was found before, unless path, length, time of change or inode are others now.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read or changes meanwhile, and what the call says.
    pub fn of(&mut self, path: &Path, call: &dyn Call) -> Result<LockedFile> {
        let stamp = FileStamp::of(path)?;
        let bytes = stamp.bytes;
        if let Some(record) = self.records.iter().find(|record| record.file == stamp) {
            return Ok(LockedFile { bytes, sha256: record.sha256 });
        }
        let sha256 = hash(path, call)?;
        if FileStamp::of(path)? != stamp {
            return Err(Error::io(format!("`{}` changed while it was read", path.display())));
        }
        if is_settled(&stamp) {
            self.put(Record { file: stamp, sha256 });
        }
        Ok(LockedFile { bytes, sha256 })
    }

    /// Writes them to the file again, if there are new ones. Its folder is made.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if self.is_changed { cache_file::write(path, VERSION, &self.records) } else { Ok(()) }
    }

    fn put(&mut self, record: Record) {
        self.records.retain(|other| other.file.path != record.file.path);
        self.records.push(record);
        let too_many = self.records.len().saturating_sub(MAX_RECORDS);
        self.records.drain(..too_many);
        self.is_changed = true;
    }
}

/// Whether a change from now on will show in the time of change.
fn is_settled(stamp: &FileStamp) -> bool {
    let changed = UNIX_EPOCH + Duration::from_nanos(stamp.modified_ns);
    SystemTime::now().duration_since(changed).is_ok_and(|age| age > SETTLED_AFTER)
}

/// The hash of a file's contents.
fn hash(path: &Path, call: &dyn Call) -> Result<FileHash> {
    let unreadable = |err| Error::io(format!("cannot read `{}`", path.display())).with_source(err);
    let mut file = File::open(path).map_err(unreadable)?;
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        call.check()?;
        match file.read(&mut piece) {
            Ok(0) => return Ok(FileHash::new(digest.finalize().into())),
            Ok(n_bytes) => digest.update(&piece[..n_bytes]),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(unreadable(err)),
        }
    }
}

/// Length and hash of what is in memory.
pub(super) fn in_memory(bytes: &[u8]) -> LockedFile {
    LockedFile { bytes: bytes.len() as u64, sha256: FileHash::new(Sha256::digest(bytes).into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use drivetrain_contract::{ErrorKind, NoCall};

    use super::*;

    fn write(path: &Path, text: &str, age: Duration) -> SystemTime {
        fs::write(path, text).unwrap();
        let time = SystemTime::now() - age;
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
        time
    }

    #[test]
    fn hashes_are_those_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        // The example "abc" of FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let found = FileHashes::default().of(&path, &NoCall).unwrap();
        assert_eq!((found.bytes, found.sha256.to_string().as_str()), (3, expected));
        assert_eq!(in_memory(b"abc"), found);
        let missing = FileHashes::default().of(&folder.path().join("none"), &NoCall).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Io);
    }

    #[test]
    fn a_file_is_read_again_only_when_it_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("file"), folder.path().join("cache/hashes.json"));
        let time = write(&path, "one", Duration::from_secs(60));
        let mut hashes = FileHashes::read(&cache).unwrap();
        let one = hashes.of(&path, &NoCall).unwrap();
        hashes.write(&cache).unwrap();

        // Same length, same time, same inode: this is what shows that it was not read.
        fs::write(&path, "two").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let mut hashes = FileHashes::read(&cache).unwrap();
        assert_eq!(hashes.of(&path, &NoCall).unwrap(), one);
        assert!(!hashes.is_changed);

        write(&path, "two", Duration::from_secs(30));
        let two = hashes.of(&path, &NoCall).unwrap();
        assert_ne!(two, one);
        assert_eq!(hashes.records.len(), 1, "the older hash of the same file goes");
        let copy = folder.path().join("copy");
        fs::rename(&path, &copy).unwrap();
        assert_eq!(hashes.of(&copy, &NoCall).unwrap(), two);
        assert_eq!(hashes.records.len(), 2);
    }

    #[test]
    fn what_has_just_changed_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut hashes = FileHashes::default();
        fs::write(&path, "one").unwrap();
        hashes.of(&path, &NoCall).unwrap();
        assert!(hashes.records.is_empty());
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() + SETTLED_AFTER * 99).unwrap();
        hashes.of(&path, &NoCall).unwrap();
        assert!(hashes.records.is_empty(), "a time that is still to come tells nothing");
    }

    #[test]
    fn the_oldest_are_dropped() {
        let mut hashes = FileHashes::default();
        let stamp = |idx: usize| FileStamp { path: idx.to_string().into(), bytes: 0, modified_ns: 0, inode: 0 };
        for idx in 0..=MAX_RECORDS {
            hashes.put(Record { file: stamp(idx), sha256: in_memory(b"").sha256 });
        }
        assert_eq!((hashes.records.len(), &hashes.records[0].file), (MAX_RECORDS, &stamp(1)));
    }

    #[test]
    fn files_that_cannot_be_read_are_errors_that_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hashes.json");
        let check = |text: &[u8], expected: &str| {
            fs::write(&path, text).unwrap();
            let err = FileHashes::read(&path).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Invalid);
            assert!(err.message().contains(expected), "{err}");
        };
        check(b"", "are broken");
        check(b"\xff\x00", "are broken");
        check(b"{\"version\":1,\"records\":[{\"file\":{}}]}", "are broken");
        check(b"{\"version\":2,\"records\":{\"another\":\"form\"}}", "are of version 2, not 1");
        check(&vec![b' '; (8 << 20) + 1], "have more than");
        check("[".repeat(100_000).as_bytes(), "are broken");
        assert!(FileHashes::read(folder.path()).unwrap_err().message().ends_with("is no file"));
    }
}
