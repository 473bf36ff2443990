//! A folder for graphs that are needed for a while.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain_contract::{Error, Result};
use tempfile::TempDir;

use crate::Locations;

/// Age from which on a folder that nobody holds was left behind: a younger one may be about to be locked.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// A folder of this process, removed with everything in it.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
    /// Tells other processes that it is in use.
    _lock: Option<File>,
}

impl Scratch {
    /// Creates it in the cache folder, where folders of processes that were killed are removed.
    pub fn create(locations: &Locations) -> Result<Self> {
        let folder: PathBuf = locations.cache().join("convert");
        let failed = |err| Error::io(format!("failed to create a folder in `{}`", folder.display())).with_source(err);
        fs::create_dir_all(&folder).map_err(failed)?;
        clean(&folder);
        let dir = tempfile::tempdir_in(&folder).map_err(failed)?;
        let lock = File::open(dir.path()).ok().filter(|lock| lock.try_lock().is_ok());
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes what processes left that hold it no more. Where folders cannot be locked, all is left alone.
fn clean(folder: &Path) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let is_old = entry
            .metadata()
            .and_then(|facts| facts.modified())
            .is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > LEFT_BEHIND));
        let is_free = || File::open(entry.path()).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_old
            && is_free()
            && let Err(err) = fs::remove_dir_all(entry.path())
        {
            log::debug!("failed to remove `{}`: {err}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn folders_that_were_left_are_removed_and_those_in_use_are_not() {
        let place = tempfile::tempdir().unwrap();
        let locations = Locations::new(place.path().join("data"), place.path());
        let (used, young) = (Scratch::create(&locations).unwrap(), place.path().join("convert/young"));
        let left = place.path().join("convert/left");
        for folder in [&left, &young] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("plain.onnx"), "x").unwrap();
        }
        let long_ago = SystemTime::now() - 2 * LEFT_BEHIND;
        for folder in [&left, used.path()] {
            File::open(folder).unwrap().set_modified(long_ago).unwrap();
        }
        let own = Scratch::create(&locations).unwrap();
        if cfg!(unix) {
            assert!(!left.exists());
        }
        assert!(used.path().exists() && young.exists());
        let path = own.path().to_owned();
        drop(own);
        assert!(!path.exists());
    }
}
