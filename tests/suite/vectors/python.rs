//! Exported files in the ecosystem's own hands: ONNX's checker, and ONNX Runtime and OpenVINO as Python has them.

use std::{fs, path::Path, process::Command};

use drivetrain::{
    Result,
    convert::{onnx, openvino_ir},
    package::Package,
};
use drivetrain_tests::{Fixture, fixtures_dir, skip};

/// What the script ends with when a package it needs is missing.
const MISSING: i32 = 77;

/// The interpreter to ask: the one in this variable, else the one on the search path.
const VARIABLE: &str = "DRIVETRAIN_TEST_PYTHON";

#[test]
fn python_accepts_every_exported_onnx_file() {
    check("onnx", |package, target| {
        onnx::export(package, target, &onnx::ExportOptions::default(), &mut |_| Ok(())).map(drop)
    });
}

#[test]
fn python_accepts_every_exported_openvino_graph() {
    check("xml", |package, target| {
        openvino_ir::export(package, target, &openvino_ir::IrOptions::default(), &mut |_| Ok(())).map(drop)
    });
}

fn check(extension: &str, export: impl Fn(&Package, &Path) -> Result<()>) {
    let folder = tempfile::tempdir().unwrap();
    let python = std::env::var(VARIABLE).unwrap_or_else(|_| "python3".to_owned());
    let mut check = Command::new(&python);
    check.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/check_graphs.py"));
    check.arg(fixtures_dir().join("texts.json"));
    for fixture in Fixture::all("").iter().filter(|fixture| fixture.expected["architecture"] != "static") {
        let target = folder.path().join(format!("{}.{extension}", fixture.name));
        export(&Package::open(&fixture.dir).unwrap(), &target).unwrap();
        check.arg(&fixture.dir).arg(&target);
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() > 30);
    let Ok(output) = check.output() else { return say_skipped(&format!("`{python}` cannot be run")) };
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => {}
        Some(MISSING) => say_skipped(said.trim()),
        _ => panic!("{said}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Python's packages are no part of what is prepared for tests, so that this is no failure anywhere, unless one named
/// the interpreter.
fn say_skipped(why: &str) {
    assert!(std::env::var_os(VARIABLE).is_none(), "{why}");
    if std::env::var_os("CI").is_none() {
        skip(&format!("the check in Python: {why}"));
    }
}
