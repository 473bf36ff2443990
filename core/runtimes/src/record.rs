//! `install.json`: what an installed version is, where it came from and which files belong to it.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Version, failure::io_error, relative::is_inside};

/// Name of the record in a version's folder.
pub(crate) const RECORD_FILE: &str = "install.json";

const FORMAT_VERSION: u32 = 1;

/// More than any record needs, of ten thousand files included; what is longer was not written by us.
const MAX_BYTES: u64 = 4 << 20;

/// One version of a library in the data folder, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Id of the runtime.
    pub id: String,
    /// Version of the library.
    pub version: Version,
    /// The file to load, as an absolute path.
    pub library: PathBuf,
    /// The version's folder, as an absolute path.
    pub root: PathBuf,
    /// Whether the library reports home by itself unless it is told not to.
    pub telemetry: bool,
    /// Size of its files.
    pub bytes: u64,
    /// The files it was unpacked from.
    pub wheels: Vec<WheelRecord>,
}

/// A file that a library was unpacked from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelRecord {
    /// Package and version, as the package index knows them: `onnxruntime==1.28.0`.
    pub package: String,
    /// Name of the file.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

/// The contents of `install.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format_version: u32,
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) library: String,
    pub(crate) telemetry: bool,
    pub(crate) wheels: Vec<WheelRecord>,
    pub(crate) files: Vec<FileRecord>,
}

/// One unpacked file, relative to the version's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) path: String,
    pub(crate) bytes: u64,
}

impl Record {
    /// The format this program writes.
    pub(crate) const FORMAT_VERSION: u32 = FORMAT_VERSION;

    /// Writes the record into a version's folder, down to the disk.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        let path = root.join(RECORD_FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|err| Error::internal(format!("failed to encode `{RECORD_FILE}`")).with_source(err))?;
        let write = || {
            let mut file = File::create_new(&path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(|err| io_error("write", &path, err))
    }

    /// Reads the record of a version's folder and checks that what it names is there.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let path = root.join(RECORD_FILE);
        let broken = |why: String| {
            Error::dependency(format!("`{}` is not a usable installation: {why}", root.display()))
                .with_hint("install it again with `--force`, or remove the folder")
        };
        let is_file = fs::metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Err(broken(format!("it has no `{RECORD_FILE}`")));
        }
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
        read.map_err(|err| io_error("read", &path, err))?;
        let record: Self = serde_json::from_slice(&text)
            .map_err(|err| broken(format!("`{RECORD_FILE}` cannot be read")).with_source(err))?;
        if record.format_version != FORMAT_VERSION {
            return Err(broken(format!("its format version {} is not known", record.format_version)));
        }
        if !record.files.iter().any(|file| file.path == record.library) {
            return Err(broken(format!("the library `{}` is not among its files", record.library)));
        }
        match record.files.iter().find(|file| !file.is_present(root)) {
            Some(file) => Err(broken(format!("`{}` is missing or has another size", file.path))),
            None => Ok(record),
        }
    }

    /// The same facts with the paths of a folder.
    pub(crate) fn installed(self, root: PathBuf) -> Installed {
        Installed {
            library: root.join(&self.library),
            bytes: self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes)),
            root,
            id: self.id,
            version: self.version,
            telemetry: self.telemetry,
            wheels: self.wheels,
        }
    }
}

impl FileRecord {
    fn is_present(&self, root: &Path) -> bool {
        is_inside(&self.path)
            && fs::metadata(root.join(&self.path)).is_ok_and(|found| found.is_file() && found.len() == self.bytes)
    }
}

/// Reads the installation in a version's folder; `root` is absolute.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Dependency`] when it is broken or does not belong where it lies.
pub(crate) fn read_installed(root: PathBuf) -> Result<Installed> {
    let record = Record::read(&root)?;
    let mut names = root.iter().rev();
    let version = names.next().and_then(|name| name.to_str());
    let id = names.next().and_then(|name| name.to_str());
    if id != Some(record.id.as_str()) || version != Some(record.version.to_string().as_str()) {
        let message = format!("`{}` holds `{}` {}, not what its name says", root.display(), record.id, record.version);
        return Err(Error::dependency(message).with_hint("remove the folder"));
    }
    Ok(record.installed(root))
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;
    use crate::testing::fake_installation;

    #[test]
    fn what_was_written_is_read_and_damage_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        let root = fake_installation(data.path(), "demo", "1.2.3");
        let installed = read_installed(root.clone()).unwrap();
        assert_eq!((installed.id.as_str(), installed.version), ("demo", Version::new(1, 2, 3)));
        assert!(installed.library.is_file());

        let moved = root.with_file_name("9.9.9");
        fs::rename(&root, &moved).unwrap();
        assert!(read_installed(moved.clone()).unwrap_err().to_string().contains("not what its name says"));
        fs::rename(&moved, &root).unwrap();

        fs::write(&installed.library, b"shorter").unwrap();
        assert!(read_installed(root).unwrap_err().to_string().contains("another size"));
    }

    #[test]
    fn strange_records_are_refused_without_harm() {
        let data = tempfile::tempdir().unwrap();
        let root = fake_installation(data.path(), "demo", "1.2.3");
        let valid = fs::read_to_string(root.join(RECORD_FILE)).unwrap();
        let outside = valid.replace("lib/libdemo.so", "../1.2.3/lib/libdemo.so");
        let newer = valid.replace("\"format_version\": 1", "\"format_version\": 2");
        let huge = format!("{valid}{}", " ".repeat(5 << 20)).replace('}', " ");
        for text in ["", "{}", "[1", "\u{0}", &valid[..valid.len() / 2], &outside, &newer, &huge] {
            fs::write(root.join(RECORD_FILE), text).unwrap();
            let err = read_installed(root.clone()).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Dependency, "{err}");
        }
        fs::write(root.join(RECORD_FILE), [0xff, 0xfe, 0x7b]).unwrap();
        assert!(read_installed(root.clone()).is_err());
        fs::remove_file(root.join(RECORD_FILE)).unwrap();
        fs::create_dir(root.join(RECORD_FILE)).unwrap();
        assert!(read_installed(root).is_err());
    }
}
