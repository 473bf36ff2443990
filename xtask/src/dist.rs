//! `cargo xtask dist`: the program and its plugins in one folder.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    cargo, folders,
    setup::{copy_file, plugins},
};

/// `bin/` and `lib/drivetrain/plugins/` below `output`: the program finds the plugins from its own place.
pub(crate) fn run(output: &Path) -> Result<()> {
    let built = cargo::build(&["drivetrain-cli"], &[], true)?;
    let output = folders::root().join(output);
    let bin = output.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot create `{}`", bin.display()))?;
    let program = cargo::program("drivetrain");
    copy_file(&built.join(&program), &bin.join(&program))?;
    plugins(&output.join("lib/drivetrain/plugins"), true)?;
    for name in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        copy_file(&folders::root().join(name), &output.join(name))?;
    }
    copy_file(&folders::root().join("core/engine/builtin/NOTICE.md"), &output.join("BUILTIN-MODEL.md"))?;
    eprintln!("made `{}`", output.display());
    Ok(())
}
