//! The folder where wheels are gathered: what has come of one that was interrupted stays there.

use std::{
    cell::OnceCell,
    fs::{self, File, TryLockError},
    io::{self, Seek},
    ops::ControlFlow,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use drivetrain_contract::{Error, ErrorKind, Result};

use crate::{Build, Wheel, digest::sha256, failure::io_error};

/// Name of the folder among the runtimes.
const FOLDER: &str = ".downloads";
const LOCK: &str = ".lock";

/// How often it is looked whether another process has finished.
const LOOK: Duration = Duration::from_millis(100);

/// A folder of wheels: `<file>` when whole, `<file>.part` until then.
#[derive(Debug)]
pub(crate) struct Downloads {
    folder: PathBuf,
    keeps: bool,
    turn: OnceCell<Turn>,
}

/// The turn to write into the folder, which lasts until the installation is done.
#[derive(Debug)]
struct Turn {
    // Nothing where the file system has no locks.
    _lock: Option<File>,
    has_waited: bool,
}

impl Downloads {
    /// The folder `chosen`, where wheels stay, or the one below `runtimes`, which they leave when they are unpacked.
    pub(crate) fn new(chosen: Option<&Path>, runtimes: &Path) -> Self {
        let folder = chosen.map_or_else(|| runtimes.join(FOLDER), Path::to_path_buf);
        Self { folder, keeps: chosen.is_some(), turn: OnceCell::new() }
    }

    /// Where the wheel is when it is whole.
    pub(crate) fn target(&self, wheel: &Wheel) -> PathBuf {
        self.folder.join(&wheel.file)
    }

    /// Where the wheel is until then.
    pub(crate) fn part(&self, wheel: &Wheel) -> PathBuf {
        self.folder.join(format!("{}.part", wheel.file))
    }

    /// The wheel, if it is there, whole, and the very file the catalogue means.
    pub(crate) fn find(&self, wheel: &Wheel) -> Option<File> {
        let path = self.target(wheel);
        let facts = fs::metadata(&path).ok()?;
        if !facts.is_file() || facts.len() != wheel.bytes {
            return None;
        }
        let mut file = File::open(&path).ok()?;
        let is_the_one = sha256(&file).ok()? == wheel.sha256;
        file.rewind().ok()?;
        is_the_one.then_some(file)
    }

    /// Waits until no other installation writes here; `watch` is asked meanwhile whether to go on.
    pub(crate) fn take_turn(&self, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<()> {
        if self.turn.get().is_none() {
            let turn = self.wait(watch)?;
            // It was not set a moment ago, and this is not shared between threads.
            let _ = self.turn.set(turn);
        }
        Ok(())
    }

    /// Whether another installation was at work when this one came, which may have done all there is to do.
    pub(crate) fn has_waited(&self) -> bool {
        self.turn.get().is_some_and(|turn| turn.has_waited)
    }

    fn wait(&self, watch: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Turn> {
        self.create()?;
        let path = self.folder.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|err| io_error("write", &path, err))?;
        let mut has_waited = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { _lock: Some(file), has_waited }),
                Err(TryLockError::WouldBlock) if watch().is_break() => {
                    return Err(Error::new(ErrorKind::Cancelled, "cancelled by the caller"));
                }
                Err(TryLockError::WouldBlock) => {
                    has_waited = true;
                    thread::sleep(LOOK);
                }
                Err(TryLockError::Error(err)) => {
                    log::debug!("no file locks in the folder of downloads: {err}");
                    return Ok(Turn { _lock: None, has_waited });
                }
            }
        }
    }

    /// Takes a wheel that pip has fetched elsewhere, if wheels stay here.
    pub(crate) fn adopt(&self, fetched: &Path, wheel: &Wheel) -> Result<()> {
        if !self.keeps {
            return Ok(());
        }
        self.create()?;
        let (part, target) = (self.part(wheel), self.target(wheel));
        // Another file system cannot be moved to.
        fs::rename(fetched, &target)
            .or_else(|_| fs::copy(fetched, &part).and_then(|_| fs::rename(&part, &target)))
            .map_err(|err| io_error("write", &target, err))
    }

    /// Removes the wheels of a build that is installed, unless they stay here.
    pub(crate) fn clear(&self, build: &Build) {
        let targets = build.wheels.iter().map(|wheel| self.target(wheel)).filter(|_| !self.keeps);
        for target in targets {
            match fs::remove_file(&target) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => {
                    log::warn!("failed to remove `{}`: {err}", target.display());
                }
                _ => {}
            }
        }
    }

    fn create(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|err| io_error("create", &self.folder, err))
    }
}
