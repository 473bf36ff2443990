//! Models from a hub: what is fetched, what is checked, and what is there when something goes wrong.

mod cached;
mod chosen;
mod refusals;
mod stopped;
mod transfers;

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain::{
    Result,
    contract::{Call, NoCall},
    package::hub::{HubModel, HubSettings, Pull, Pulled, pull},
};
use drivetrain_tests::hub::{Asked, MODEL};
use tempfile::TempDir;

/// A data and a cache folder of a test's own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder for the test") }
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("data/models")
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// Fetches the model of the hub.
    fn pull(&self, settings: &HubSettings) -> Result<Pulled> {
        self.pull_with(MODEL, &[], settings, &NoCall)
    }

    fn pull_with(&self, model: &str, include: &[&str], settings: &HubSettings, call: &dyn Call) -> Result<Pulled> {
        let model: HubModel = model.parse()?;
        let include: Vec<String> = include.iter().map(|&pattern| pattern.to_owned()).collect();
        let (models_dir, cache_dir) = (&self.models(), &self.cache());
        let name = &model.alias();
        pull(&Pull { model: &model, name, models_dir, cache_dir, include: &include, settings }, call, &mut |_| {})
    }

    /// Every file below the folder, but for locks.
    fn files(&self) -> Vec<String> {
        let mut found = files_below(self.folder.path());
        found.retain(|path| !path.ends_with(".lock"));
        found
    }
}

/// Every file below a folder, relative to it, sorted.
fn files_below(root: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/"));
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}

/// Requests about paths that hold a text.
fn about<'a>(asked: &'a [Asked], part: &str) -> Vec<&'a Asked> {
    asked.iter().filter(|asked| asked.target.contains(part)).collect()
}
