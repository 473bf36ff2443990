//! Running cargo.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::folders;

/// A cargo command in the project's folder.
pub(crate) fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folders::root()).args(args);
    command
}

/// Runs a command and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// Builds packages and gives the folder their products are in.
pub(crate) fn build(packages: &[&str], features: &[&str], release: bool) -> Result<PathBuf> {
    let mut build = command(["build"]);
    for package in packages {
        build.args(["--package", package]);
    }
    build.args(features);
    if release {
        build.arg("--release");
    }
    run(&mut build)?;
    Ok(folders::target().join(if release { "release" } else { "debug" }))
}

/// The file name of a program here.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(&format!("{name}{}", env::consts::EXE_SUFFIX)).to_path_buf()
}
