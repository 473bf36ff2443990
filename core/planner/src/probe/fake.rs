//! Folders that look like `/` of some machine, for tests.

use std::fs;

use tempfile::TempDir;

use super::tree::Tree;

/// Files that exist as long as this does.
pub(super) struct Fake {
    folder: TempDir,
}

impl Fake {
    /// Files by absolute path.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let fake = Self { folder: TempDir::new().unwrap() };
        files.iter().for_each(|(path, text)| fake.write(path, text));
        fake
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn root(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn tree(&self) -> Tree {
        Tree::new(self.root())
    }
}
