//! A top-level folder is one crate or a group of crates, never both, and there are no others.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::folders;

/// Folders that hold crates.
const GROUPS: &[&str] = &["apps", "backends", "core", "plugins"];
/// Folders that are a crate.
const CRATES: &[&str] = &["tests", "xtask"];
/// Folders without crates of this workspace; `bench` is a workspace of its own, as `backends/libtorch` is with its plugin.
const OTHERS: &[&str] = &["bench", "configs", "docs", "target", "dist"];
/// Folders below a group that are no crate of the workspace.
const NOT_CRATES: &[&str] = &[];

pub(crate) fn check() -> Result<Vec<String>> {
    let root = folders::root();
    let mut complaints = Vec::new();
    for name in subfolders(&root)? {
        let folder = root.join(&name);
        let is_crate = folder.join("Cargo.toml").is_file();
        if GROUPS.contains(&name.as_str()) {
            if is_crate || folder.join("src").exists() {
                complaints.push(format!("{name}: a group of crates must not be a crate itself"));
            }
            complaints.extend(group(&folder, &name)?);
        } else if CRATES.contains(&name.as_str()) {
            if !is_crate {
                complaints.push(format!("{name}: must be a crate"));
            }
        } else if !OTHERS.contains(&name.as_str()) {
            complaints.push(format!("{name}: no folder of this name belongs here"));
        }
    }
    Ok(complaints)
}

fn group(folder: &Path, name: &str) -> Result<Vec<String>> {
    let members = subfolders(folder)?;
    let strangers = members
        .into_iter()
        .filter(|member| !folder.join(member).join("Cargo.toml").is_file() && !NOT_CRATES.contains(&member.as_str()));
    Ok(strangers.map(|member| format!("{name}/{member}: not a crate")).collect())
}

/// Names of the folders in a folder, without hidden ones.
fn subfolders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
