//! `cargo xtask builtin-model`: fits the built-in model to all-MiniLM-L6-v2 with the command users have.

use std::{fs, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    cargo, folders,
    setup::{copy_file, model, native_library},
};

/// What the model is fitted to; sources and licences are in the README beside them.
const TEXTS: [&str; 4] =
    ["wordnet-examples.txt.zst", "wordnet-definitions.txt.zst", "state-of-the-union.txt.zst", "world-factbook.txt.zst"];

/// What the repository may hold of a model.
const MAX_BYTES: u64 = 9_000_000;

pub(crate) fn run() -> Result<()> {
    let home = folders::test_home();
    native_library("onnxruntime", &home)?;
    model(&home)?;
    // Without the feature `builtin-model`: this must work before there is one.
    let features = ["--no-default-features", "--features", "static,onnxruntime"];
    let built = cargo::build(&["drivetrain-cli"], &features, true)?;
    let fresh = folders::target().join("builtin-model");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let mut convert = Command::new(built.join(cargo::program("drivetrain")));
    convert.args(["convert", "all-MiniLM-L6-v2", "--to", "static", "--dims", "256", "--dtype", "i8", "-o"]).arg(&fresh);
    convert.arg("--fit").args(TEXTS).current_dir(folders::root().join("xtask/builtin-texts"));
    // What the transformer says of the texts is kept, so that another attempt takes a minute.
    convert.env("DRIVETRAIN_HOME", &home).env("DRIVETRAIN_CACHE", folders::target().join("builtin-cache"));
    cargo::run(&mut convert)?;
    let target = folders::root().join("core/engine/builtin");
    let mut bytes = 0;
    for entry in fs::read_dir(&fresh).with_context(|| format!("cannot read `{}`", fresh.display()))? {
        let entry = entry?;
        bytes += entry.metadata()?.len();
        copy_file(&entry.path(), &target.join(entry.file_name()))?;
    }
    if bytes > MAX_BYTES {
        bail!("the model has {bytes} bytes, more than the {MAX_BYTES} the repository may hold");
    }
    eprintln!("made `{}`: {bytes} bytes", target.display());
    Ok(())
}
