//! A file that has its own name only when it is complete.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::failure::{quoted, unwritable};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 18;

/// Written as `<name>.part`, then renamed.
///
/// What is no regular file (a pipe, `/dev/null`) is written directly.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: BufWriter<File>,
    path: PathBuf,
    direct: bool,
    n_bytes: u64,
}

/// The name that a file has while it is written.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    name.into()
}

/// Whether there is something at `path` that is no regular file and is written directly.
pub(crate) fn is_direct(path: &Path) -> bool {
    path.metadata().is_ok_and(|facts| !facts.is_file())
}

impl PartFile {
    /// Begins an empty file.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let direct = is_direct(path);
        if direct {
            let file = OpenOptions::new().write(true).open(path).map_err(|err| unwritable(path, err))?;
            return Ok(Self::new(file, path, (true, 0)));
        }
        let part = part_of(path);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&part);
        let file = file.map_err(|err| unwritable(path, err))?;
        lock(&file, path)?;
        file.set_len(0).map_err(|err| unwritable(path, err))?;
        Ok(Self::new(file, path, (false, 0)))
    }

    /// Goes on with the first `n_bytes` of a file that was begun before, whether or not it has its own name already.
    pub(crate) fn reopen(path: &Path, n_bytes: u64) -> Result<Self> {
        let part = part_of(path);
        let unwritable = |err| unwritable(path, err);
        let found = [&part, path].into_iter().find(|path| path.is_file());
        let Some(found) = found else {
            let message = format!("{} and {} are gone", quoted(&part), quoted(path));
            return Err(Error::not_found(message).with_hint("start again without `--resume`"));
        };
        let mut file = OpenOptions::new().read(true).write(true).open(found).map_err(unwritable)?;
        lock(&file, path)?;
        let length = file.metadata().map_err(unwritable)?.len();
        if length < n_bytes {
            let message = format!("{} has {length} bytes, not the {n_bytes} it had", quoted(found));
            return Err(Error::invalid(message).with_hint("start again without `--resume`"));
        }
        if found != part {
            fs::rename(found, &part).map_err(unwritable)?;
        }
        file.set_len(n_bytes).map_err(unwritable)?;
        file.seek(SeekFrom::Start(n_bytes)).map_err(unwritable)?;
        Ok(Self::new(file, path, (false, n_bytes)))
    }

    fn new(file: File, path: &Path, (direct, n_bytes): (bool, u64)) -> Self {
        Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), path: path.to_owned(), direct, n_bytes }
    }

    /// The name that it will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes over the beginning, for what can only be known at the end.
    pub(crate) fn rewrite_start(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(bytes)?;
        file.seek(SeekFrom::End(0)).map(drop)
    }

    /// Makes what was written survive whatever happens, and gives its length.
    pub(crate) fn sync(&mut self) -> Result<u64> {
        let synced =
            self.file.flush().and_then(|()| if self.direct { Ok(()) } else { self.file.get_ref().sync_data() });
        synced.map_err(|err| unwritable(&self.path, err))?;
        Ok(self.n_bytes)
    }

    /// Gives the complete file its name.
    pub(crate) fn publish(mut self) -> Result<()> {
        self.sync()?;
        if self.direct {
            return Ok(());
        }
        rename(&part_of(&self.path), &self.path).map_err(|err| unwritable(&self.path, err))
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.file.write(bytes)?;
        self.n_bytes += n_bytes as u64;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Renames a file so that the new name survives as well.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Not every system lets folders be opened or synchronised; then it does without.
    if let Ok(folder) = File::open(folder) {
        drop(folder.sync_all());
    }
    Ok(())
}

/// Keeps a second process from writing the same file.
fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("{} is being written by another process", quoted(path));
            Err(Error::new(ErrorKind::Busy, message).with_hint("wait for it, or give the output another name"))
        }
        // A file system without locks is used without them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_complete() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old").unwrap();
        let mut file = PartFile::create(&path).unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(file.sync().unwrap(), 10);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(PartFile::create(&path).unwrap_err().kind(), ErrorKind::Busy);
        assert_eq!(PartFile::reopen(&path, 1).unwrap_err().kind(), ErrorKind::Busy);
        drop(file);
        for _ in 0..2 {
            // The first time it is found as a part, the second time under its name.
            let mut file = PartFile::reopen(&path, 4).unwrap();
            file.write_all(b"45").unwrap();
            file.rewrite_start(b"ab").unwrap();
            file.write_all(b"x").unwrap();
            file.publish().unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"ab2345x");
            assert!(!part_of(&path).exists());
        }
        assert_eq!(PartFile::reopen(&path, 8).unwrap_err().kind(), ErrorKind::Invalid);
        fs::remove_file(&path).unwrap();
        assert_eq!(PartFile::reopen(&path, 1).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn places_that_cannot_be_written_are_named() {
        let folder = TempDir::new().unwrap();
        let err = PartFile::create(&folder.path().join("none/out")).unwrap_err();
        assert!(err.message().contains("none/out") && err.hint().unwrap().contains("there is no folder"), "{err}");
        let err = PartFile::create(folder.path()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Io);
    }
}
