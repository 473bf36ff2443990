//! Exported files in the ecosystem's own hands: ONNX's checker, and ONNX Runtime and OpenVINO as Python has them.

use std::{fs, path::Path, process::Command};

use drivetrain::{
    Result,
    convert::{
        Target,
        onnx::{self, ExportOptions, Form, Int8Preset},
        openvino_ir,
    },
    package::Package,
};
use drivetrain_tests::{Fixture, fixtures_dir, skip};

use super::copy_tree;

/// What the script ends with when a package it needs is missing.
const MISSING: i32 = 77;

/// The interpreter to ask: the one in this variable, else the one on the search path.
const VARIABLE: &str = "DRIVETRAIN_TEST_PYTHON";

#[test]
fn python_accepts_every_exported_onnx_file() {
    check("onnx", |package, target| {
        onnx::export(package, target, &ExportOptions::default(), &mut |_| Ok(())).map(drop)
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
    let mut check = script("check_graphs.py");
    for fixture in Fixture::all("").iter().filter(|fixture| fixture.expected["architecture"] != "static") {
        let target = folder.path().join(format!("{}.{extension}", fixture.name));
        export(&Package::open(&fixture.dir).unwrap(), &target).unwrap();
        check.arg(&fixture.dir).arg(&target);
    }
    assert!(fs::read_dir(folder.path()).unwrap().count() > 30);
    run(check);
}

/// What sentence-transformers does with `backend="onnx"` and a `file_name`.
#[test]
fn python_finds_artifacts_by_their_names() {
    let place = tempfile::tempdir().unwrap();
    let model = place.path().join("model");
    copy_tree(&Fixture::open("bert-mean").dir, &model);
    let package = Package::open(&model).unwrap();
    let mut check = script("load_by_name.py");
    check.arg(&model);
    let mut add = |(target, form): (Target, Form), file_name: &str, least: &str| {
        let options = ExportOptions { form, ..ExportOptions::default() };
        onnx::export(&package, &model.join(target.file()), &options, &mut |_| Ok(())).unwrap();
        check.args([file_name, least]);
    };
    let int8 = |preset: Int8Preset| (Target::OnnxInt8(preset), Form::Int8(preset.int8()));
    add((Target::Onnx, Form::F32), "model.onnx", "0.99999");
    add((Target::OnnxFp16, Form::F16), "onnx/model_fp16.onnx", "0.9999");
    add(int8(Int8Preset::Avx2), "model_quint8_avx2.onnx", "0.99");
    add(int8(Int8Preset::Avx512Vnni), "onnx/model_qint8_avx512_vnni.onnx", "0.99");
    run(check);
}

/// A script of ours, given the fixtures' texts.
fn script(name: &str) -> Command {
    let python = std::env::var(VARIABLE).unwrap_or_else(|_| "python3".to_owned());
    let mut script = Command::new(python);
    script.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name));
    script.arg(fixtures_dir().join("texts.json"));
    script
}

fn run(mut script: Command) {
    let Ok(output) = script.output() else {
        return say_skipped(&format!("`{}` cannot be run", script.get_program().display()));
    };
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
