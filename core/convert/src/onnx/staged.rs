//! Files that appear whole or not at all.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};

/// A file under a temporary name beside its target, removed again unless it is published.
#[derive(Debug)]
pub(crate) struct StagedFile {
    writer: BufWriter<File>,
    path: PathBuf,
    /// What messages call it: users know nothing of temporary names.
    target: PathBuf,
    written: u64,
    published: bool,
}

impl StagedFile {
    /// Creates an empty file in the folder of `target`, and that folder if need be.
    ///
    /// The name is unlike that of any other process or call, so two that write the same target do not meet.
    pub(crate) fn create_beside(target: &Path) -> Result<Self> {
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|err| failed("create the folder", folder, err))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        // Every `RandomState` is seeded from the system's randomness.
        let random = RandomState::new().hash_one(&name);
        let path = folder.join(format!(".{name}.{}-{random:016x}.tmp", std::process::id()));
        let file = File::create_new(&path).map_err(|err| failed("create", target, err))?;
        let writer = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { writer, path, target: target.to_owned(), written: 0, published: false })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).map_err(|err| failed("write", &self.target, err))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Number of bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Hands everything to the disk.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let flushed = self.writer.flush().and_then(|()| self.writer.get_ref().sync_all());
        flushed.map_err(|err| failed("write", &self.target, err))
    }

    /// Gives the flushed file its name, in place of a file that may have had it.
    pub(crate) fn publish(mut self, target: &Path) -> Result<()> {
        self.flush()?;
        fs::rename(&self.path, target).map_err(|err| failed("write", target, err))?;
        self.published = true;
        Ok(())
    }

    /// As [`StagedFile::publish`], for a target whose name is derived from its contents: a file of that name and size
    /// that cannot be replaced, because a reader has it open, is as good.
    pub(crate) fn publish_by_content(self, target: &Path) -> Result<()> {
        let n_bytes = self.written;
        match self.publish(target) {
            Err(_) if fs::metadata(target).is_ok_and(|found| found.is_file() && found.len() == n_bytes) => Ok(()),
            result => result,
        }
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.published
            && let Err(err) = fs::remove_file(&self.path)
        {
            log::warn!("failed to remove the unfinished `{}`: {err}", self.path.display());
        }
    }
}

fn failed(what: &str, path: &Path, err: io::Error) -> Error {
    let hint = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: make room or write elsewhere",
        _ => "name a target in a folder that can be written",
    };
    Error::io(format!("failed to {what} `{}`", path.display())).with_source(err).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_target_changes_only_when_published() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model.onnx");
        fs::write(&target, "old").unwrap();
        let mut abandoned = StagedFile::create_beside(&target).unwrap();
        abandoned.write(b"new").unwrap();
        abandoned.flush().unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(abandoned);
        assert_eq!(names(folder.path()), ["model.onnx"]);
        assert_eq!(fs::read(&target).unwrap(), b"old");

        let mut staged = StagedFile::create_beside(&target).unwrap();
        staged.write(b"new").unwrap();
        staged.publish(&target).unwrap();
        assert_eq!(names(folder.path()), ["model.onnx"]);
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let err = StagedFile::create_beside(&file.join("model.onnx")).unwrap_err();
        assert!(err.to_text().contains(&*file.to_string_lossy()), "{}", err.to_text());
    }
}
