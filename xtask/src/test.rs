//! `cargo xtask test`: everything, with a data folder of the tests' own.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    cargo,
    fetch::fetch,
    folders,
    plugin::{self, Plugin},
    setup::{model, native_library, plugins},
};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let home = folders::test_home();
    let library = native_library("onnxruntime", &home)?;
    native_library("onnxruntime@1.31.1", &home)?;
    let openvino = native_library("openvino", &home)?;
    model(&home)?;
    plugins(&home.join("plugins"), false)?;
    if Plugin::Libtorch.is_offered() {
        plugin::check(Plugin::Libtorch)?;
    }
    let old = old_libraries()?;
    cargo::run(&mut cargo::command(["build", "--workspace", "--examples", "--bins"]))?;
    let mut test = cargo::command(["test", "--workspace", "--no-fail-fast"]);
    test.args(args).env("DRIVETRAIN_TEST_HOME", &home).env("DRIVETRAIN_TEST_PRODUCTS", folders::target().join("debug"));
    test.env("DRIVETRAIN_TEST_ONNXRUNTIME", library).env("DRIVETRAIN_TEST_OPENVINO", openvino).envs(old);
    cargo::run(&mut test)
}

/// Native libraries that are too old, where there are some for this platform, and the variables that name them.
fn old_libraries() -> Result<Vec<(&'static str, PathBuf)>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Vec::new());
    }
    let onnxruntime = fetch("old-onnxruntime")?.join("lib/libonnxruntime-9a682863.so.1.14.1");
    let openvino = fetch("old-openvino")?.join("lib/libopenvino_c.so.2460");
    Ok(vec![("DRIVETRAIN_TEST_OLD_ONNXRUNTIME", onnxruntime), ("DRIVETRAIN_TEST_OLD_OPENVINO", openvino)])
}
