//! Compiled models on disk: one folder for each, which appears whole or not at all.
//!
//! The engine writes a compiled model under its final name while it goes on, so another process could read half of it;
//! and it tells models apart by the graph's file only, not by the weights beside it. Hence a folder of our own for each
//! graph, weights and settings: the engine writes into a temporary one, which is renamed when the model is compiled.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How the names of temporary folders begin.
const PARTIAL: &str = ".partial-";

/// No compilation takes that long: what is older was left by a process that was killed.
const LEFT_OVER_AFTER: Duration = Duration::from_hours(24);

/// Folders begun by this process, so that each has a name of its own.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// The folder of one compiled model.
#[derive(Debug)]
pub(crate) struct CacheFolder {
    target: PathBuf,
    fresh: Option<PathBuf>,
}

impl CacheFolder {
    /// The folder below `root` for what `key` tells from everything else. `None`, with a message in the log, where it
    /// cannot be made: a cache is no reason to fail.
    pub(crate) fn begin(root: &Path, key: impl Hash) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let target = root.join(format!("{:016x}", hasher.finish()));
        if target.is_dir() {
            return Some(Self { target, fresh: None });
        }
        remove_leftovers(root);
        let (process, number) = (std::process::id(), BEGUN.fetch_add(1, Ordering::Relaxed));
        let fresh = root.join(format!("{PARTIAL}{process}-{number}"));
        match fs::create_dir_all(&fresh) {
            Ok(()) => Some(Self { target, fresh: Some(fresh) }),
            Err(err) => {
                log::warn!("compiled models are not kept in `{}`: {err}", root.display());
                None
            }
        }
    }

    /// What the engine is given.
    pub(crate) fn path(&self) -> &Path {
        self.fresh.as_deref().unwrap_or(&self.target)
    }

    /// Puts a folder that was just filled into its place, unless another process was faster.
    pub(crate) fn finish(mut self) {
        if let Some(fresh) = self.fresh.take()
            && let Err(err) = fs::rename(&fresh, &self.target)
        {
            log::debug!("`{}` is not kept: {err}", fresh.display());
            self.fresh = Some(fresh);
        }
    }
}

impl Drop for CacheFolder {
    fn drop(&mut self) {
        if let Some(fresh) = &self.fresh
            && let Err(err) = fs::remove_dir_all(fresh)
        {
            log::debug!("`{}` is left over: {err}", fresh.display());
        }
    }
}

fn remove_leftovers(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|facts| facts.modified()).ok().and_then(|time| time.elapsed().ok());
        let is_partial = entry.file_name().to_string_lossy().starts_with(PARTIAL);
        if is_partial
            && age.is_some_and(|age| age > LEFT_OVER_AFTER)
            && let Err(err) = fs::remove_dir_all(entry.path())
        {
            log::debug!("`{}` is left over: {err}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(root).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn folders_appear_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = [(); 2].map(|()| CacheFolder::begin(root.path(), "key").unwrap()).into();
        assert_ne!(first.path(), second.path());
        fs::write(first.path().join("a.blob"), "first").unwrap();
        fs::write(second.path().join("a.blob"), "second").unwrap();
        first.finish();
        second.finish();
        drop(CacheFolder::begin(root.path(), "another"));
        assert_eq!(names(root.path()).len(), 1, "{:?}", names(root.path()));
        let again = CacheFolder::begin(root.path(), "key").unwrap();
        assert_eq!(fs::read_to_string(again.path().join("a.blob")).unwrap(), "first");
        again.finish();
        assert_eq!(names(root.path()).len(), 1);
        let old = root.path().join(".partial-1-0");
        fs::create_dir(&old).unwrap();
        let yesterday = SystemTime::now() - LEFT_OVER_AFTER - Duration::from_secs(1);
        fs::File::open(&old).unwrap().set_modified(yesterday).unwrap();
        drop(CacheFolder::begin(root.path(), "third"));
        assert!(!old.exists());
        fs::write(root.path().join("file"), "").unwrap();
        assert!(CacheFolder::begin(&root.path().join("file"), "key").is_none());
    }
}
