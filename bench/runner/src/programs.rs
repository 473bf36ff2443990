//! The contestants' programs: built beside this one, each by itself so that none raises another's features.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// Builds these packages for release.
pub(crate) fn build<'a>(packages: impl IntoIterator<Item = &'a str>) -> Result<()> {
    packages.into_iter().try_for_each(|package| build_with(package, &[]))
}

/// Builds a package for release with these variables in cargo's environment.
pub(crate) fn build_with(package: &str, environment: &[(&str, OsString)]) -> Result<()> {
    eprintln!("building {package}");
    let target = path(package)?.parent().and_then(Path::parent).map(Path::to_path_buf);
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", package, "--target-dir"])
        .arg(target.context("this program lies in no target folder")?)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "`{package}` cannot be built");
    Ok(())
}

/// Where a program lies.
pub(crate) fn path(program: &str) -> Result<PathBuf> {
    let own = env::current_exe().context("this program has no path")?;
    Ok(own.with_file_name(format!("{program}{}", env::consts::EXE_SUFFIX)))
}
