//! Where a package's files are: a directory, or memory.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use drivetrain_contract::{ArtifactData, Error, Result};
use serde_json::Value;

/// Largest file that is read whole, in bytes: a few times the largest tokenizer there is.
const MAX_WHOLE_FILE: u64 = 256 << 20;

/// Largest file that is read as JSON, in bytes.
const MAX_JSON_FILE: u64 = 16 << 20;

/// Most values in such a file: each takes some hundred bytes of memory, however short it is in the file.
const MAX_JSON_VALUES: usize = 1 << 19;

/// Where a package's files are. Paths inside are relative, with forward slashes.
#[derive(Clone, Debug)]
pub enum Files {
    /// In a directory.
    Dir(PathBuf),
    /// In memory for the life of the process, as of a model compiled in: pairs of path and contents.
    Memory(&'static [(&'static str, &'static [u8])]),
}

impl Files {
    /// Whether there is such a file.
    pub fn exists(&self, rel: &str) -> bool {
        match self {
            Self::Dir(dir) => dir.join(rel).is_file(),
            Self::Memory(_) => self.in_memory(rel).is_some(),
        }
    }

    /// The contents of a file that is small enough to be held: configuration and tokenizer, not weights.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when there is none, [`drivetrain_contract::ErrorKind::Io`] when it
    /// cannot be read, [`drivetrain_contract::ErrorKind::Model`] when it is larger than 256 MiB.
    pub fn read(&self, rel: &str) -> Result<Cow<'static, [u8]>> {
        self.read_up_to(rel, MAX_WHOLE_FILE)
    }

    /// The contents of a JSON file, `None` when there is no such file.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] with line and column when it is not JSON, or when it is larger than
    /// 16 MiB or has more than half a million values; [`drivetrain_contract::ErrorKind::Io`] when it cannot be read.
    pub fn read_json(&self, rel: &str) -> Result<Option<Value>> {
        if !self.exists(rel) {
            return Ok(None);
        }
        let bytes = self.read_up_to(rel, MAX_JSON_FILE)?;
        // What begins a value, and in texts a few more.
        if bytes.iter().filter(|byte| b",[{".contains(byte)).count() > MAX_JSON_VALUES {
            let message = format!("`{}` has more values than any model needs", self.label(rel));
            return Err(Error::model(message));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|err| self.not_json(rel, err))
    }

    /// The file as a backend is given it: a path, or the bytes in memory.
    ///
    /// A file that is not in memory gives a path under the name of the memory package, which no backend can open.
    pub fn artifact_data(&self, rel: &str) -> ArtifactData {
        match (self, self.in_memory(rel)) {
            (Self::Dir(dir), _) => ArtifactData::Path(dir.join(rel)),
            (_, Some(bytes)) => ArtifactData::Static(bytes),
            (_, None) => ArtifactData::Path(PathBuf::from(self.label(rel))),
        }
    }

    /// What a message calls the file: its path, or `memory:` and its name.
    pub fn label(&self, rel: &str) -> String {
        match self {
            Self::Dir(dir) if rel.is_empty() => dir.display().to_string(),
            Self::Dir(dir) => dir.join(rel).display().to_string(),
            Self::Memory(_) => format!("memory:{rel}"),
        }
    }

    /// The directory, if the files are in one.
    pub fn dir(&self) -> Option<&Path> {
        match self {
            Self::Dir(dir) => Some(dir),
            Self::Memory(_) => None,
        }
    }

    /// Names of the files directly inside the folder `path`, sorted. A folder that does not exist is empty.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Dir(dir) => {
                let entries = fs::read_dir(dir.join(path)).into_iter().flatten().flatten();
                entries
                    .filter(|entry| entry.path().is_file())
                    .filter_map(|e| e.file_name().into_string().ok())
                    .collect()
            }
            Self::Memory(files) => {
                let prefix = crate::json::join(path, "");
                let names = files.iter().filter_map(|(name, _)| name.strip_prefix(prefix.as_str()));
                names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
            }
        };
        names.sort();
        names
    }

    /// The bytes of a file in memory.
    pub(crate) fn in_memory(&self, rel: &str) -> Option<&'static [u8]> {
        let Self::Memory(files) = self else { return None };
        files.iter().find(|(name, _)| *name == rel).map(|(_, bytes)| *bytes)
    }

    /// Opens a file of the directory and tells its length in bytes.
    ///
    /// Only regular files are opened: opening a pipe would wait for a writer, a device could be endless.
    pub(crate) fn open_regular(&self, rel: &str) -> Result<(File, u64)> {
        let Self::Dir(dir) = self else { return Err(self.missing(rel)) };
        let path = dir.join(rel);
        let metadata = fs::metadata(&path).map_err(|err| self.unreadable(rel, err))?;
        if !metadata.is_file() {
            return Err(Error::io(format!("`{}` is not a regular file", path.display())));
        }
        let file = File::open(&path).map_err(|err| self.unreadable(rel, err))?;
        Ok((file, metadata.len()))
    }

    fn read_up_to(&self, rel: &str, limit: u64) -> Result<Cow<'static, [u8]>> {
        if let Self::Memory(_) = self {
            return self.in_memory(rel).map(Cow::Borrowed).ok_or_else(|| self.missing(rel));
        }
        let (file, length) = self.open_regular(rel)?;
        if length > limit {
            let message = format!("`{}` has {length} bytes; such files have at most {limit}", self.label(rel));
            return Err(Error::model(message));
        }
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(limit).read_to_end(&mut bytes).map_err(|err| self.unreadable(rel, err))?;
        Ok(Cow::Owned(bytes))
    }

    /// The error for contents that should have been JSON.
    pub(crate) fn not_json(&self, rel: &str, err: serde_json::Error) -> Error {
        Error::model(format!("`{}` is not the JSON it should be", self.label(rel))).with_source(err)
    }

    fn missing(&self, rel: &str) -> Error {
        Error::not_found(format!("there is no `{}`", self.label(rel)))
    }

    fn unreadable(&self, rel: &str, err: std::io::Error) -> Error {
        match err.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => self.missing(rel),
            _ => Error::io(format!("failed to read `{}`", self.label(rel))).with_source(err),
        }
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    static MEMORY: &[(&str, &[u8])] =
        &[("a.json", b"{\"x\": 1}"), ("onnx/m.onnx", b"o"), ("bad.json", b"{\"x\": \xff}")];

    #[test]
    fn memory_and_directory_answer_alike() {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in MEMORY {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        for files in [Files::Memory(MEMORY), Files::Dir(dir.path().to_owned())] {
            assert!(files.exists("a.json") && !files.exists("b.json") && !files.exists("onnx"));
            assert_eq!(files.read("onnx/m.onnx").unwrap().as_ref(), b"o");
            assert_eq!(files.read_json("a.json").unwrap().unwrap()["x"], 1);
            assert!(files.read_json("b.json").unwrap().is_none());
            assert_eq!(files.read("b.json").unwrap_err().kind(), ErrorKind::NotFound);
            let err = files.read_json("bad.json").unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Model);
            assert!(err.to_text().contains("line 1 column"), "{}", err.to_text());
            assert_eq!(files.list(""), ["a.json", "bad.json"]);
            assert_eq!(files.list("onnx"), ["m.onnx"]);
            assert!(files.list("absent").is_empty());
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_stack_overflow() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("deep.json"), "[".repeat(1_000_000)).unwrap();
        let err = Files::Dir(dir.path().to_owned()).read_json("deep.json").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Model);
    }

    #[test]
    fn sizes_are_checked_before_memory_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::Dir(dir.path().to_owned());
        // Sparse: the file takes no room on the disk.
        File::create(dir.path().join("huge.json")).unwrap().set_len(1 << 40).unwrap();
        for err in [files.read("huge.json").unwrap_err(), files.read_json("huge.json").unwrap_err()] {
            assert_eq!(err.kind(), ErrorKind::Model);
            assert!(err.message().contains("1099511627776 bytes"), "{err}");
        }
        fs::write(dir.path().join("many.json"), format!("[{}0]", "0,".repeat(1 << 20))).unwrap();
        assert!(files.read_json("many.json").unwrap_err().message().contains("more values"));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_a_regular_file_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.path().join("endless.json")).unwrap();
        let files = Files::Dir(dir.path().to_owned());
        assert!(!files.exists("endless.json"));
        assert_eq!(files.read("endless.json").unwrap_err().kind(), ErrorKind::Io);
    }
}
