//! Every Rust file opens with a `//!` line, and none is longer than a reader can keep in mind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::folders;

/// Where Rust files of ours are.
const FOLDERS: &[&str] = &["apps", "backends", "core", "plugins", "tests", "xtask"];
/// A file beyond this has a natural split.
const MAX_LINES: usize = 800;

pub(crate) fn check() -> Result<Vec<String>> {
    let root = folders::root();
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files)?;
    }
    let mut complaints = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        if !text.starts_with("//! ") {
            complaints.push(format!("{name}:1: must begin with a `//!` line that says what lives here"));
        }
        let n_lines = text.lines().count();
        if n_lines > MAX_LINES {
            complaints.push(format!("{name}: {n_lines} lines; split it"));
        }
    }
    Ok(complaints)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}
