//! A folder to put a model together in, beside the installed ones, and the one rename that installs it.
//!
//! The folder holds a locked file for as long as its owner lives; the system lets go of the lock when a process dies,
//! however it dies, so whatever is not locked was left behind by one that did.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use tempfile::TempDir;

use super::failure::io_error;

const PREFIX: &str = ".tmp-";
const OWNER_LOCK: &str = "owner.lock";
const STORE_LOCK: &str = ".lock";

/// A temporary folder among the installed models, removed when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    // Dropped before the folder: Windows does not remove a file that is open.
    _owner: Option<File>,
    folder: TempDir,
    models_dir: PathBuf,
}

impl Staging {
    /// Makes a fresh folder, after removing what killed runs left behind.
    pub(crate) fn new(models_dir: &Path) -> Result<Self> {
        fs::create_dir_all(models_dir).map_err(|err| io_error("create", models_dir, err))?;
        let _store = lock_store(models_dir)?;
        remove_leftovers(models_dir);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(models_dir)
            .map_err(|err| io_error("create a folder in", models_dir, err))?;
        let path = folder.path().join(OWNER_LOCK);
        let owner = File::create_new(&path).map_err(|err| io_error("create", &path, err))?;
        let new = folder.path().join("new");
        fs::create_dir(&new).map_err(|err| io_error("create", &new, err))?;
        Ok(Self { _owner: locked(owner), folder, models_dir: models_dir.to_owned() })
    }

    /// Where the model is put together.
    pub(crate) fn new_folder(&self) -> PathBuf {
        self.folder.path().join("new")
    }

    /// Gives the finished folder its name; what had that name goes away.
    pub(crate) fn publish(&self, target: &Path) -> Result<()> {
        let _store = lock_store(&self.models_dir)?;
        if fs::symlink_metadata(target).is_ok() {
            self.take_away(target)?;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|err| io_error("create", parent, err))?;
        }
        fs::rename(self.new_folder(), target).map_err(|err| io_error("move the finished model to", target, err))
    }

    /// Removes `target` in one step, and its parent when that is empty then.
    pub(crate) fn discard(&self, target: &Path) -> Result<()> {
        let _store = lock_store(&self.models_dir)?;
        self.take_away(target)?;
        if let Some(parent) = target.parent().filter(|parent| *parent != self.models_dir) {
            // Fails when another model of that organisation is there, which is what we want.
            let _ = fs::remove_dir(parent);
        }
        Ok(())
    }

    /// Moves `target` into this folder, where it goes away with it. A program that has a file of it open keeps it.
    fn take_away(&self, target: &Path) -> Result<()> {
        fs::rename(target, self.folder.path().join("replaced")).map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => Error::not_found(format!("there is no `{}`", target.display())),
            _ => io_error("remove", target, err),
        })
    }
}

/// Holds the lock of all models until dropped: for moments only, never while something is fetched.
fn lock_store(models_dir: &Path) -> Result<Option<File>> {
    let path = models_dir.join(STORE_LOCK);
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

fn remove_leftovers(models_dir: &Path) {
    for entry in fs::read_dir(models_dir).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && is_abandoned(&entry.path()) {
            log::debug!("removing `{}`, left by a run that was killed", entry.path().display());
            if let Err(err) = fs::remove_dir_all(entry.path()) {
                log::warn!("failed to remove `{}`: {err}", entry.path().display());
            }
        }
    }
}

/// Whether nobody holds the folder's lock. Called under the lock of all models, so no folder is between its birth and
/// its locking.
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

    fn temporary(models_dir: &Path) -> usize {
        let entries = fs::read_dir(models_dir).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)).count()
    }

    #[test]
    fn models_appear_and_go_in_one_step() {
        let data = tempfile::tempdir().unwrap();
        let models = data.path().join("models");
        let target = models.join("org/name");
        for contents in ["first", "second"] {
            let staging = Staging::new(&models).unwrap();
            fs::write(staging.new_folder().join("file"), contents).unwrap();
            staging.publish(&target).unwrap();
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), contents);
        }
        fs::create_dir_all(models.join("org/other")).unwrap();
        Staging::new(&models).unwrap().discard(&target).unwrap();
        assert!(!target.exists() && models.join("org/other").exists());
        Staging::new(&models).unwrap().discard(&models.join("org/other")).unwrap();
        assert!(!models.join("org").exists());
        assert!(Staging::new(&models).unwrap().discard(&target).is_err());
        assert_eq!(temporary(&models), 0);
    }

    #[test]
    fn leftovers_go_and_folders_in_use_stay() {
        let data = tempfile::tempdir().unwrap();
        let models = data.path().join("models");
        fs::create_dir_all(models.join(".tmp-killed/new/deep")).unwrap();
        fs::write(models.join(".tmp-killed").join(OWNER_LOCK), b"").unwrap();
        let first = Staging::new(&models).unwrap();
        assert_eq!(temporary(&models), 1);
        let second = Staging::new(&models).unwrap();
        assert_eq!(temporary(&models), 2);
        drop((first, second));
        assert_eq!(temporary(&models), 0);
    }
}
