//! Fixed files from the Python package index, by the same code that installs runtimes for users.

use std::{ops::ControlFlow, path::PathBuf};

use anyhow::{Context, Result};
use drivetrain_runtimes::{Catalogue, InstallOptions, Progress, install, platform};

use crate::folders;

/// Fetches an entry of `fetch.toml` and gives the folder it was unpacked into.
pub(crate) fn fetch(id: &str) -> Result<PathBuf> {
    // The catalogue names a platform with each file; these files are the same wherever they can be used.
    let text = include_str!("fetch.toml").replace("{platform}", &platform());
    let options = InstallOptions { catalogue: Some(Catalogue::parse(&text)?), ..InstallOptions::default() };
    let installed = install(&id.parse()?, &folders::fetched(), &options, &mut |step| {
        if let Progress::Checking { file } = step {
            eprintln!("fetched {file}");
        }
        ControlFlow::Continue(())
    });
    Ok(installed.with_context(|| format!("cannot fetch `{id}`"))?.root)
}
