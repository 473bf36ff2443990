//! A folder that appears whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};

/// A new folder beside its target; removed when dropped before it is published.
pub(super) struct Staging {
    dir: PathBuf,
    target: PathBuf,
}

impl Staging {
    /// Begins a folder that is to become `target`, in the same parent so that a rename suffices.
    pub(super) fn create(target: &Path) -> Result<Self> {
        check_free(target)?;
        let (parent, name) = split(target)?;
        fs::create_dir_all(&parent).map_err(|err| failed("create", &parent, err))?;
        let pid = std::process::id();
        for attempt in 0_u32.. {
            let dir = parent.join(format!(".{name}.{pid}.{attempt}.partial"));
            match fs::create_dir(&dir) {
                Ok(()) => return Ok(Self { dir, target: target.to_owned() }),
                // Left over from a process that was killed, or in use by another thread.
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                Err(err) => return Err(failed("create", &dir, err)),
            }
        }
        Err(Error::io(format!("no free name for a folder beside `{}`", target.display())))
    }

    /// Writes the file `name` of the folder.
    pub(super) fn write(&self, name: &str, contents: &[u8]) -> Result<()> {
        let path = self.dir.join(name);
        File::create_new(&path).and_then(|mut file| file.write_all(contents)).map_err(|err| failed("write", &path, err))
    }

    /// Brings everything to the disk and gives the folder its name.
    pub(super) fn publish(self) -> Result<()> {
        sync_files(&self.dir).map_err(|err| failed("write", &self.dir, err))?;
        // A rename replaces an empty folder on Unix only.
        if self.target.is_dir() {
            fs::remove_dir(&self.target).map_err(|err| occupied(&self.target).with_source(err))?;
        }
        fs::rename(&self.dir, &self.target).map_err(|err| match err.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => occupied(&self.target).with_source(err),
            _ => failed("create", &self.target, err),
        })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publishing there is nothing left under this name; a failure to clean up must not hide the first error.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Fails where no package can be written: what is there must be an empty folder, or nothing.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`].
pub fn check_free(target: &Path) -> Result<()> {
    match fs::read_dir(target).map(|entries| entries.count()) {
        Ok(0) => Ok(()),
        Ok(_) => Err(occupied(target)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(occupied(target).with_source(err)),
    }
}

fn occupied(target: &Path) -> Error {
    Error::invalid(format!("`{}` exists and is not an empty folder", target.display()))
        .with_hint("name a new folder, or remove this one first")
}

/// The folder that holds `target`, and the target's own name.
fn split(target: &Path) -> Result<(PathBuf, String)> {
    let absolute = std::path::absolute(target).map_err(|err| failed("resolve", target, err))?;
    match (absolute.parent(), absolute.file_name()) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), name.to_string_lossy().into_owned())),
        _ => Err(Error::invalid(format!("`{}` cannot be written as a new folder", target.display()))
            .with_hint("name a new folder")),
    }
}

fn sync_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        File::open(entry?.path())?.sync_all()?;
    }
    Ok(())
}

fn failed(action: &str, path: &Path, err: io::Error) -> Error {
    Error::io(format!("failed to {action} `{}`", path.display())).with_source(err)
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_target_appears_only_when_published() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("deep/model");
        let staging = Staging::create(&target).unwrap();
        staging.write("a", b"1").unwrap();
        assert!(!target.exists());
        staging.publish().unwrap();
        assert_eq!(fs::read(target.join("a")).unwrap(), b"1");
        assert_eq!(names(target.parent().unwrap()), ["model"]);
    }

    #[test]
    fn an_abandoned_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::create(&root.path().join("model")).unwrap();
        staging.write("a", b"1").unwrap();
        drop(staging);
        assert!(names(root.path()).is_empty());
    }

    #[test]
    fn an_empty_folder_is_taken_and_any_other_thing_refused() {
        let root = tempfile::tempdir().unwrap();
        let [empty, full, file] = ["empty", "full", "file"].map(|name| root.path().join(name));
        fs::create_dir(&empty).unwrap();
        Staging::create(&empty).unwrap().publish().unwrap();
        fs::create_dir_all(full.join("kept")).unwrap();
        fs::write(&file, "kept").unwrap();
        for target in [&full, &file, Path::new("/"), &file.join("below")] {
            assert!(Staging::create(target).is_err(), "{}", target.display());
        }
        assert_eq!(names(root.path()), ["empty", "file", "full"]);
    }

    #[test]
    fn of_two_writers_one_wins_and_both_clean_up() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("model");
        let (first, second) = (Staging::create(&target).unwrap(), Staging::create(&target).unwrap());
        first.write("a", b"first").unwrap();
        second.write("a", b"second").unwrap();
        first.publish().unwrap();
        assert_eq!(second.publish().unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(fs::read(target.join("a")).unwrap(), b"first");
        assert_eq!(names(root.path()), ["model"]);
    }
}
