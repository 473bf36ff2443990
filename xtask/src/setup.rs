//! `cargo xtask setup`: everything the product needs at run time, in the data folder.

use std::{
    env, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use drivetrain_package::Package;
use drivetrain_runtimes::{InstallOptions, install};

use crate::{cargo, fetch::fetch, folders};

/// The engines that are also built as plugins.
pub(crate) const ENGINES: [&str; 3] = ["static", "onnxruntime", "openvino"];
/// The real model, under the name it has in the data folder.
const MODEL: &str = "all-MiniLM-L6-v2";

pub(crate) fn run(home: Option<PathBuf>, release: bool) -> Result<()> {
    let home = home.map_or_else(folders::user_home, |home| Ok(std::path::absolute(home)?))?;
    native_library("onnxruntime", &home)?;
    native_library("openvino", &home)?;
    model(&home)?;
    plugins(&home.join("plugins"), release)?;
    eprintln!("set up `{}`", home.display());
    Ok(())
}

/// Installs a native library as `drivetrain runtimes install` does, and gives its path.
pub(crate) fn native_library(spec: &str, home: &Path) -> Result<PathBuf> {
    let installed = install(&spec.parse()?, home, &InstallOptions::default(), &mut |_| ControlFlow::Continue(()));
    let installed = installed.with_context(|| format!("cannot install `{spec}`"))?;
    eprintln!("{} {} is in `{}`", installed.id, installed.version, installed.root.display());
    Ok(installed.library)
}

/// Puts the model into the data folder, unless it is there and whole.
pub(crate) fn model(home: &Path) -> Result<()> {
    let target = home.join("models").join(MODEL);
    if Package::open(&target).and_then(|package| package.weights()).is_err() {
        folders::copy_folder(&fetch("all-minilm-l6-v2")?.join("model"), &target)?;
    }
    eprintln!("{MODEL} is in `{}`", target.display());
    Ok(())
}

/// Builds every plugin and puts each into a folder of its own.
pub(crate) fn plugins(target: &Path, release: bool) -> Result<()> {
    let packages = ENGINES.map(|engine| format!("drivetrain-plugin-{engine}"));
    let built = cargo::build(&packages.each_ref().map(String::as_str), &[], release)?;
    for engine in ENGINES {
        let library = format!("{}drivetrain_plugin_{engine}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let folder = target.join(engine);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let manifest = folders::root().join("backends").join(engine).join("plugin.toml");
        copy_file(&built.join(&library), &folder.join(&library))?;
        copy_file(&manifest, &folder.join("plugin.toml"))?;
    }
    Ok(())
}

/// Replaces a file by renaming: a program that has the old one loaded keeps it.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let fresh = to.with_extension(format!("{}.part", std::process::id()));
    fs::copy(from, &fresh).with_context(|| format!("cannot copy `{}` to `{}`", from.display(), fresh.display()))?;
    fs::rename(&fresh, to).with_context(|| format!("cannot replace `{}`", to.display()))
}
