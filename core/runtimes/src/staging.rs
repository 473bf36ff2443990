//! A folder to build an installation in, beside its final place, and the one rename that puts it there.
//!
//! The folder holds a locked file for as long as its owner lives: the system lets go of the lock when a process dies,
//! however it dies, so whatever is not locked is a leftover. (A process id in the name, the usual alternative, says
//! nothing once the id is used again or the folder is shared between machines.)

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use drivetrain_contract::Result;
use tempfile::TempDir;

use crate::failure::io_error;

const PREFIX: &str = ".tmp-";
const OWNER_LOCK: &str = "owner.lock";
const STORE_LOCK: &str = ".lock";

/// A temporary folder in `<data>/runtimes`, removed when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    // Dropped before the folder: Windows does not remove a file that is open.
    _owner: Option<File>,
    folder: TempDir,
    runtimes: PathBuf,
}

impl Staging {
    /// Makes a fresh folder, after removing what killed runs left behind.
    pub(crate) fn new(runtimes: &Path) -> Result<Self> {
        fs::create_dir_all(runtimes).map_err(|err| io_error("create", runtimes, err))?;
        let _store = lock_store(runtimes)?;
        remove_leftovers(runtimes);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(runtimes)
            .map_err(|err| io_error("create a folder in", runtimes, err))?;
        let path = folder.path().join(OWNER_LOCK);
        let owner = File::create_new(&path).map_err(|err| io_error("create", &path, err))?;
        Ok(Self { _owner: locked(owner), folder, runtimes: runtimes.to_owned() })
    }

    /// A new subfolder.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        fs::create_dir(&path).map_err(|err| io_error("create", &path, err))?;
        Ok(path)
    }

    /// Moves the finished folder `from` to `target`; what was there goes away, unless `keeps` says it is as good.
    pub(crate) fn publish(&self, from: &Path, target: &Path, keeps: impl FnOnce(&Path) -> bool) -> Result<()> {
        let _store = lock_store(&self.runtimes)?;
        if fs::symlink_metadata(target).is_ok() {
            if keeps(target) {
                return Ok(());
            }
            self.take_away(target)?;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|err| io_error("create", parent, err))?;
        }
        fs::rename(from, target).map_err(|err| io_error("move the finished installation to", target, err))
    }

    /// Removes `target` in one step, and its parent when that is empty then.
    pub(crate) fn discard(&self, target: &Path) -> Result<()> {
        let _store = lock_store(&self.runtimes)?;
        self.take_away(target)?;
        if let Some(parent) = target.parent() {
            // Fails when another version is there, which is what we want.
            let _ = fs::remove_dir(parent);
        }
        Ok(())
    }

    /// Moves `target` into this folder, where it goes away with it. A program that has the library open keeps it.
    fn take_away(&self, target: &Path) -> Result<()> {
        fs::rename(target, self.folder.path().join("replaced")).map_err(|err| io_error("remove", target, err))
    }
}

/// Holds the store's lock until dropped: for moments only, never while something is fetched or unpacked.
fn lock_store(runtimes: &Path) -> Result<Option<File>> {
    let path = runtimes.join(STORE_LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    Ok(locked(file.map_err(|err| io_error("write", &path, err))?))
}

/// The file, locked; or nothing where the file system has no locks, which only costs the removal of leftovers.
fn locked(file: File) -> Option<File> {
    match file.lock() {
        Ok(()) => Some(file),
        Err(err) => {
            log::debug!("no file locks in the data folder: {err}");
            None
        }
    }
}

fn remove_leftovers(runtimes: &Path) {
    let Ok(entries) = fs::read_dir(runtimes) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry.path()) {
            log::debug!("removing `{}`, left by a run that was killed", entry.path().display());
            if let Err(err) = fs::remove_dir_all(entry.path()) {
                log::warn!("failed to remove `{}`: {err}", entry.path().display());
            }
        }
    }
}

/// Whether nobody holds the folder's lock. Called under the store's lock, so no folder is between birth and locking.
fn is_abandoned(folder: &Path) -> bool {
    match File::options().write(true).open(folder.join(OWNER_LOCK)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(err) => err.kind() == io::ErrorKind::NotFound && folder.is_dir(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(runtimes: &Path) -> usize {
        let entries = fs::read_dir(runtimes).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)).count()
    }

    #[test]
    fn leftovers_go_and_folders_in_use_stay() {
        let data = tempfile::tempdir().unwrap();
        let runtimes = data.path().join("runtimes");
        fs::create_dir_all(runtimes.join(".tmp-killed/deep")).unwrap();
        fs::write(runtimes.join(".tmp-killed").join(OWNER_LOCK), b"").unwrap();
        fs::create_dir_all(runtimes.join(".tmp-killed-at-birth")).unwrap();
        fs::create_dir_all(runtimes.join("onnxruntime")).unwrap();

        let first = Staging::new(&runtimes).unwrap();
        assert_eq!(temporary(&runtimes), 1);
        let second = Staging::new(&runtimes).unwrap();
        assert_eq!(temporary(&runtimes), 2);
        drop(first);
        assert_eq!(temporary(&runtimes), 1);
        drop(second);
        assert_eq!(temporary(&runtimes), 0);
        assert!(runtimes.join("onnxruntime").is_dir());
    }

    #[test]
    fn publishing_replaces_or_keeps() {
        let data = tempfile::tempdir().unwrap();
        let runtimes = data.path().join("runtimes");
        let target = runtimes.join("demo/1.0.0");
        let publish = |contents: &str, keeps: bool| {
            let staging = Staging::new(&runtimes).unwrap();
            let from = staging.subfolder("new").unwrap();
            fs::write(from.join("file"), contents).unwrap();
            staging.publish(&from, &target, |_| keeps).unwrap();
            fs::read_to_string(target.join("file")).unwrap()
        };
        assert_eq!(publish("first", true), "first");
        assert_eq!(publish("second", true), "first");
        assert_eq!(publish("third", false), "third");
        Staging::new(&runtimes).unwrap().discard(&target).unwrap();
        assert!(!runtimes.join("demo").exists());
        assert_eq!(temporary(&runtimes), 0);
    }
}
