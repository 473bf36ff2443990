//! Where artifacts are made: one process at a time, out of sight until they are whole.

use std::{
    fs::{self, File, TryLockError},
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use drivetrain_contract::{Call, Error, Result};
use drivetrain_package::{ArtifactRecords, MadeFile, hub::RECORD_FILE};

use crate::onnx::StagedFile;

/// What the names of folders in which artifacts are made begin with.
const MAKING: &str = ".drivetrain-making-";

/// What is behind the name of a file that was rejected, so that nothing loads it.
const REJECTED: &str = ".rejected";

/// How often it is asked whether another process is done.
const PAUSE: Duration = Duration::from_millis(50);

/// A folder of artifacts that nobody else makes artifacts in meanwhile.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    folder: PathBuf,
    /// The folder itself is what is locked, since a file for that would have to be left behind.
    lock: Option<File>,
}

impl Place {
    /// Waits for the folder of `target`, which is created if need be.
    ///
    /// Where a folder cannot be locked (Windows, some network disks), two processes may make one artifact at the same
    /// time; each is whole, and the later one stays.
    ///
    /// # Errors
    /// What creating the folder fails with, and what the call says.
    pub(super) fn take(target: &Path, call: &dyn Call) -> Result<Self> {
        let folder = folder_of(target).to_owned();
        fs::create_dir_all(&folder).map_err(|err| failed("create the folder", &folder, err))?;
        let lock = lock(&folder, call)?;
        let place = Self { target: target.to_owned(), folder, lock };
        place.clean();
        Ok(place)
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An empty folder in it, on the same disk, for files that are not complete.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn begin(&self) -> Result<Unfinished> {
        // Every `RandomState` is seeded from the system's randomness.
        let random = RandomState::new().hash_one(&self.folder);
        let path = self.folder.join(format!("{MAKING}{random:016x}"));
        fs::create_dir(&path).map_err(|err| failed("write", &self.target, err))?;
        Ok(Unfinished { path })
    }

    /// Replaces what is known of the folder's artifacts.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn write(&self, records: &ArtifactRecords) -> Result<()> {
        let path = self.folder.join(RECORD_FILE);
        let mut file = StagedFile::create_beside(&path)?;
        file.write(records.to_json().as_bytes())?;
        file.publish(&path)
    }

    /// Gives files of another folder their places here, the graph last.
    ///
    /// Only one file can be replaced at a time. Where weights have a name that is taken, the graph there is removed
    /// first: whoever is killed on the way leaves weights without a graph, which nobody takes for a model.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn publish(&self, moves: &[Move]) -> Result<()> {
        let Some((graph, others)) = moves.split_first() else { return Ok(()) };
        let target = |one: &Move| self.folder.join(&one.to);
        if others.iter().any(|other| target(other).exists()) {
            remove(&target(graph)).map_err(|err| failed("replace", &target(graph), err))?;
        }
        for one in others.iter().chain([graph]) {
            fs::rename(&one.from, target(one)).map_err(|err| failed("write", &target(one), err))?;
        }
        Ok(())
    }

    /// Removes files; those that are not there are as good.
    pub(super) fn remove(&self, files: &[MadeFile]) {
        for file in files {
            if let Err(err) = remove(&self.folder.join(&file.name)) {
                log::warn!("failed to remove `{}`: {err}", file.name);
            }
        }
    }

    /// Removes what a process that was killed was making here: whoever is at it holds the lock.
    fn clean(&self) {
        if self.lock.is_none() {
            return;
        }
        for entry in self.folder.read_dir().into_iter().flatten().flatten() {
            let is_left = entry.file_name().to_string_lossy().starts_with(MAKING);
            if is_left && let Err(err) = fs::remove_dir_all(entry.path()) {
                log::warn!("failed to remove the unfinished `{}`: {err}", entry.path().display());
            }
        }
    }
}

/// One file on its way.
#[derive(Debug)]
pub(super) struct Move {
    /// Where it is.
    pub(super) from: PathBuf,
    /// Its new name.
    pub(super) to: String,
}

/// A folder of incomplete files, removed with all of them.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its files with their lengths, `graph` first.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn files(&self, graph: &str) -> Result<Vec<MadeFile>> {
        let unreadable = |err| failed("read", &self.path, err);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let bytes = entry.metadata().map_err(unreadable)?.len();
            files.push(MadeFile { name: entry.file_name().to_string_lossy().into_owned(), bytes });
        }
        files.sort_by_key(|file| (file.name != graph, file.name.clone()));
        Ok(files)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(err) = fs::remove_dir_all(&self.path) {
            log::warn!("failed to remove `{}`: {err}", self.path.display());
        }
    }
}

/// The name a rejected file is kept under.
pub(super) fn rejected(name: &str) -> String {
    format!("{name}{REJECTED}")
}

/// The name that a rejected file would have if it were taken.
pub(super) fn unrejected(name: &str) -> &str {
    name.strip_suffix(REJECTED).unwrap_or(name)
}

/// The name of a file that may be written.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] for a path that ends in no name, and for what is there and no file.
pub(super) fn target_name(target: &Path) -> Result<&str> {
    let (shown, name) = (target.display(), target.file_name().filter(|_| !target.is_dir()));
    let Some(name) = name else {
        return Err(Error::invalid(format!("`{shown}` is a folder, not the name of a file to write"))
            .with_hint("add a file name, such as `onnx/model.onnx`"));
    };
    if fs::metadata(target).is_ok_and(|facts| !facts.is_file()) {
        return Err(Error::invalid(format!("`{shown}` is no regular file"))
            .with_hint("name a file: an artifact may have several parts, which lie beside each other"));
    }
    name.to_str().ok_or_else(|| Error::invalid(format!("the name of `{shown}` is not UTF-8")))
}

/// The folder a file is in.
fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn lock(folder: &Path, call: &dyn Call) -> Result<Option<File>> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    let mut waits = false;
    loop {
        call.check()?;
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if !waits => {
                waits = true;
                log::warn!("waiting for another process that makes artifacts in `{}`", folder.display());
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, err: io::Error) -> Error {
    let hint = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full: make room or write elsewhere",
        _ => "name a target in a folder that can be written",
    };
    Error::io(format!("failed to {what} `{}`", path.display())).with_source(err).with_hint(hint)
}
