//! `drivetrain models`, and models named `hf:…`: what users see.
#![cfg(unix)]

mod disks;
mod failures;
mod life;

use std::{fs, path::PathBuf};

use drivetrain_tests::{Outcome, Program, Rig, hub::FakeHub};
use tempfile::TempDir;

/// A data folder of the test's own, and a hub.
struct Shop {
    rig: Rig,
    hub: FakeHub,
    folder: TempDir,
}

impl Shop {
    /// With a fixture on the hub, or `None` after saying that the check is skipped.
    fn new(fixture: &str) -> Option<Self> {
        let rig = Rig::new()?;
        let folder = TempDir::new().expect("a folder for the test");
        fs::create_dir_all(folder.path().join("home")).expect("a folder");
        fs::create_dir_all(folder.path().join("cache")).expect("a folder");
        Some(Self { rig, hub: FakeHub::of_fixture(fixture), folder })
    }

    /// `drivetrain` with this data folder, asking this hub.
    fn program(&self, args: &[&str]) -> Program {
        let program = Program::drivetrain(&self.rig).current_dir(self.folder.path()).args(args);
        program
            .without(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HUB_OFFLINE"])
            .without(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
            .env("DRIVETRAIN_HOME", self.path("home"))
            .env("DRIVETRAIN_CACHE", self.path("cache"))
            .env("HF_HOME", self.path("hf"))
            .env("HF_ENDPOINT", self.hub.endpoint())
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.program(args).run()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file below a folder, but for locks.
    fn files(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push(path.strip_prefix(&root).expect("below the root").display().to_string()),
                }
            }
        }
        found.retain(|path| !path.ends_with(".lock"));
        found.sort();
        found
    }
}
