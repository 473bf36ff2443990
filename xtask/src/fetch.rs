//! Fixed files from the Python package index, by the same code that installs runtimes for users.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use drivetrain_runtimes::{Catalogue, InstallOptions, Installed, Progress, install, platform};

use crate::folders;

/// Fetches an entry of `fetch.toml` and gives the folder it was unpacked into.
pub(crate) fn fetch(id: &str) -> Result<PathBuf> {
    // The catalogue names a platform with each file; these files are the same wherever they can be used.
    let text = include_str!("fetch.toml").replace("{platform}", &platform());
    let options = InstallOptions {
        catalogue: Some(Catalogue::parse(&text)?),
        downloads: Some(folders::wheels()),
        ..InstallOptions::default()
    };
    let installed = install(&id.parse()?, &folders::fetched(), &options, &mut tell);
    Ok(installed.with_context(|| format!("cannot fetch `{id}`"))?.root)
}

/// Installs a native library as `drivetrain runtimes install` does, but keeps the wheel for [`fetch`].
pub(crate) fn install_from_kept(spec: &str, home: &Path) -> Result<Installed> {
    let options = InstallOptions { downloads: Some(folders::wheels()), ..InstallOptions::default() };
    let installed = install(&spec.parse()?, home, &options, &mut tell);
    installed.with_context(|| format!("cannot install `{spec}`"))
}

fn tell(step: Progress<'_>) -> ControlFlow<()> {
    if let Progress::Checking { file } = step {
        eprintln!("fetched {file}");
    }
    ControlFlow::Continue(())
}
