//! Where this project and its products are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use etcetera::{BaseStrategy, base_strategy::choose_native_strategy};

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What is fetched for setup and tests, and kept between runs.
pub(crate) fn fetched() -> PathBuf {
    target().join("fetched")
}

/// Wheels that several things are unpacked from.
pub(crate) fn wheels() -> PathBuf {
    fetched().join("wheels")
}

/// The data folder of the tests.
pub(crate) fn test_home() -> PathBuf {
    target().join("test-home")
}

/// The data folder of whoever runs this: DRIVETRAIN_HOME, else the platform's.
pub(crate) fn user_home() -> Result<PathBuf> {
    match env::var_os("DRIVETRAIN_HOME").filter(|home| !home.is_empty()) {
        Some(home) => std::path::absolute(home).context("DRIVETRAIN_HOME is no path"),
        None => Ok(choose_native_strategy().context("no home folder")?.data_dir().join("drivetrain")),
    }
}

/// Copies a folder with everything in it; `to` appears complete or not at all, and replaces what was there.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("a folder has a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
    let name = to.file_name().context("a folder has a name")?.to_string_lossy();
    let fresh = parent.join(format!(".{name}.{}.part", std::process::id()));
    copy_tree(from, &fresh)?;
    if to.exists() {
        let old = parent.join(format!(".{name}.{}.old", std::process::id()));
        fs::rename(to, &old).with_context(|| format!("cannot replace `{}`", to.display()))?;
        fs::remove_dir_all(&old)?;
    }
    fs::rename(&fresh, to).with_context(|| format!("cannot create `{}`", to.display()))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create `{}`", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("cannot write `{}`", target.display()))?;
        }
    }
    Ok(())
}
