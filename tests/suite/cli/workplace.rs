//! A folder of a test's own, with the program running in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_tests::{Outcome, Program, Rig, fixtures_dir};
use tempfile::TempDir;

/// A test's folder, beside what was prepared for all tests.
#[derive(Debug)]
pub(super) struct Workplace {
    pub(super) rig: Rig,
    folder: TempDir,
}

impl Workplace {
    /// An empty folder, or `None` after saying that the check is skipped.
    pub(super) fn new() -> Option<Self> {
        Some(Self { rig: Rig::new()?, folder: TempDir::new().expect("a folder for the test") })
    }

    /// `drivetrain` in this folder.
    pub(super) fn program(&self, args: &[&str]) -> Program {
        Program::drivetrain(&self.rig).current_dir(self.folder.path()).args(args)
    }

    /// Runs `drivetrain` in this folder.
    pub(super) fn run(&self, args: &[&str]) -> Outcome {
        self.program(args).run()
    }

    /// A place in this folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(super) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder");
        fs::write(&path, contents).expect("a file");
        path
    }

    /// Reads a file as text.
    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|err| panic!("`{name}`: {err}"))
    }

    /// Everything in the folder but folders, sorted; nothing that begins with a dot is left out.
    pub(super) fn files(&self) -> Vec<String> {
        files_below(self.folder.path())
    }

    /// A copy of a fixture model that may be broken.
    pub(super) fn fixture(&self, name: &str, copy: &str) -> PathBuf {
        let target = self.path(copy);
        copy_tree(&fixtures_dir().join("models").join(name), &target);
        target
    }
    /// The real model in a folder that may be added to: its files are links, which saves copying them.
    pub(super) fn minilm(&self, copy: &str) -> PathBuf {
        let target = self.path(copy);
        for name in files_below(&self.rig.minilm()) {
            if name.starts_with("onnx/") {
                continue;
            }
            let link = target.join(&name);
            fs::create_dir_all(link.parent().expect("a file has a folder")).expect("a folder");
            std::os::unix::fs::symlink(self.rig.minilm().join(name), link).expect("a link");
        }
        target
    }
}

/// What was made of models in a cache folder: everything there but what engines said when they were asked.
pub(super) fn made_in(cache: &Path) -> Vec<String> {
    files_below(cache).into_iter().filter(|name| name != "plugin-probes.json").collect()
}

/// Every file below a folder, relative to it, sorted.
pub(super) fn files_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap_or_else(|err| panic!("`{}`: {err}", folder.display())).flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(root).expect("below the root").display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// Copies a folder with everything in it.
pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in from.read_dir().unwrap_or_else(|err| panic!("`{}`: {err}", from.display())).flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), &target).expect("a copy")),
        }
    }
}
