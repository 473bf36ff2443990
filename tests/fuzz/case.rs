//! One file, read once, and what must hold of that.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use drivetrain::{Error, ErrorKind};
use tempfile::TempDir;

use crate::allocation::peak_of;

/// Most bytes of memory that reading may hold at a time.
pub(crate) const MOST_BYTES: usize = 100_000_000;

/// Longest that reading may take: a second, and for code that is not optimised on a busy machine a multiple.
const MOST_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });

/// Longest message.
const MOST_MESSAGE: usize = 16 << 10;

/// A file of a model and who reads it.
#[derive(Debug)]
pub(crate) struct Target {
    /// What the regressions are filed under.
    pub(crate) name: &'static str,
    /// Sound files: path in the model's folder, and contents.
    pub(crate) seeds: Vec<(&'static str, Vec<u8>)>,
    /// Puts lengths and sums right after a mutation, so that it gets past them; applied to every other case.
    pub(crate) mend: fn(Vec<u8>) -> Vec<u8>,
    /// Makes the rest of the folder.
    pub(crate) prepare: fn(&Path),
    /// Reads everything there is to read; gives what was read in a form that can be compared.
    pub(crate) read: fn(&Path) -> Result<String, Error>,
}

impl Target {
    /// A folder with the sound files.
    pub(crate) fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        (self.prepare)(folder.path());
        self.seeds.iter().for_each(|(file, bytes)| put(&folder.path().join(file), bytes));
        folder
    }

    /// Reads the folder; an error of the target's own is what is wrong with how that went.
    pub(crate) fn check(&self, folder: &Path) -> Result<Result<String, Error>, String> {
        let started = Instant::now();
        let (outcome, peak) = peak_of(|| (self.read)(folder));
        let took = started.elapsed();
        if took > MOST_TIME {
            return Err(format!("it took {took:?}"));
        }
        if peak > MOST_BYTES {
            return Err(format!("it held {peak} bytes"));
        }
        if let Err(err) = &outcome {
            check_error(folder, err)?;
        }
        Ok(outcome)
    }

    /// Checks the folder with these contents for one of its files, and puts the sound ones back.
    pub(crate) fn check_with(&self, folder: &Path, idx: usize, bytes: &[u8]) -> Result<(), String> {
        let (file, sound) = &self.seeds[idx];
        let path = folder.join(file);
        put(&path, bytes);
        let _sound_again = Restored { path, sound };
        self.check(folder).map(drop)
    }
}

/// Puts a file back, also when its reader panics.
struct Restored<'a> {
    path: PathBuf,
    sound: &'a [u8],
}

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        put(&self.path, self.sound);
    }
}

pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

/// An error is one of a model, names a file in the folder, and can be read.
fn check_error(folder: &Path, err: &Error) -> Result<(), String> {
    let text = err.to_text();
    let kinds = [ErrorKind::Model, ErrorKind::Unsupported, ErrorKind::NotFound, ErrorKind::Io];
    if !kinds.contains(&err.kind()) {
        return Err(format!("an error of kind {:?}: {text}", err.kind()));
    }
    if !text.contains(&*folder.to_string_lossy()) {
        return Err(format!("an error that names no file: {text}"));
    }
    if text.len() > MOST_MESSAGE {
        return Err(format!("a message of {} bytes: {text:.200}…", text.len()));
    }
    Ok(())
}
