//! A user's folders: the home with a profile of the user's own, and a project in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_tests::{Outcome, Program, Rig};
use serde_json::Value;
use tempfile::TempDir;

/// `home`, `home/config` and `home/project/deep`, with the program running in the last.
#[derive(Debug)]
pub(super) struct Desk {
    rig: Rig,
    root: PathBuf,
    _folder: TempDir,
}

impl Desk {
    /// Empty folders, or `None` after saying that the check is skipped.
    pub(super) fn new() -> Option<Self> {
        let folder = TempDir::new().expect("a folder for the test");
        let root = folder.path().canonicalize().expect("it is there");
        fs::create_dir_all(root.join("home/project/deep")).expect("a folder");
        Some(Self { rig: Rig::new()?, root, _folder: folder })
    }

    /// `drivetrain` in `home/project/deep`.
    pub(super) fn program(&self, args: &[&str]) -> Program {
        let program = Program::drivetrain(&self.rig).current_dir(&self.path("home/project/deep")).args(args);
        program.env("HOME", self.path("home")).env("DRIVETRAIN_CONFIG_HOME", self.path("home/config"))
    }

    /// Runs it.
    pub(super) fn run(&self, args: &[&str]) -> Outcome {
        self.program(args).run()
    }

    /// A place below the root.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        fs::write(&path, contents).expect("a file");
        path
    }

    /// The resolved profile as a program reads it.
    pub(super) fn resolved(&self, program: Program) -> Value {
        let outcome = program.args(["--json"]).run().succeeded();
        assert_eq!(outcome.stderr, "");
        serde_json::from_str(&outcome.stdout).expect("JSON")
    }
}
