//! `cargo xtask dist`: the program and its plugins in one folder.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    cargo, folders,
    plugin::{self, Plugin},
    setup::{copy_file, plugins},
};

/// `bin/` and `lib/drivetrain/plugins/` below `output`: the program finds the plugins from its own place. `with` names
/// plugins of other workspaces that are built as well; their native libraries are installed by whoever uses them.
pub(crate) fn run(output: &Path, with: &[Plugin]) -> Result<()> {
    let built = cargo::build(&["drivetrain-cli"], &[], true)?;
    let output = folders::root().join(output);
    let bin = output.join("bin");
    fs::create_dir_all(&bin).with_context(|| format!("cannot create `{}`", bin.display()))?;
    let program = cargo::program("drivetrain");
    copy_file(&built.join(&program), &bin.join(&program))?;
    let folder = output.join("lib/drivetrain/plugins");
    plugins(&folder, true)?;
    for &plugin in with {
        plugin::build_into(plugin, &folder)?;
    }
    for name in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        copy_file(&folders::root().join(name), &output.join(name))?;
    }
    copy_file(&folders::root().join("core/engine/builtin/NOTICE.md"), &output.join("BUILTIN-MODEL.md"))?;
    eprintln!("made `{}`", output.display());
    Ok(())
}
