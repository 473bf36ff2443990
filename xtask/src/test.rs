//! `cargo xtask test`: everything, with a data folder of the tests' own.

use anyhow::Result;

use crate::{
    cargo,
    fetch::fetch,
    folders,
    setup::{model, native_library, plugins},
};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let home = folders::test_home();
    let library = native_library("onnxruntime", &home)?;
    native_library("onnxruntime@1.31.1", &home)?;
    model(&home)?;
    plugins(&home.join("plugins"), false)?;
    let old = old_library()?;
    cargo::run(&mut cargo::command(["build", "--workspace", "--examples", "--bins"]))?;
    let mut test = cargo::command(["test", "--workspace", "--no-fail-fast"]);
    test.args(args).env("DRIVETRAIN_TEST_HOME", &home).env("DRIVETRAIN_TEST_PRODUCTS", folders::target().join("debug"));
    test.env("DRIVETRAIN_TEST_ONNXRUNTIME", library);
    if let Some(old) = old {
        test.env("DRIVETRAIN_TEST_OLD_ONNXRUNTIME", old);
    }
    cargo::run(&mut test)
}

/// A native library that is too old, where there is one for this platform.
fn old_library() -> Result<Option<std::path::PathBuf>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(None);
    }
    Ok(Some(fetch("old-onnxruntime")?.join("lib/libonnxruntime-9a682863.so.1.14.1")))
}
