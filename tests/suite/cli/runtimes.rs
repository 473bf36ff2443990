//! `runtimes`: what is installed, and installing and removing without a network.

use std::fs;

use drivetrain_tests::Program;
use serde_json::Value;

use crate::cli::{
    Workplace,
    workplace::{copy_tree, files_below},
};

/// The program with a data folder of its own.
fn program(place: &Workplace, args: &[&str]) -> Program {
    place.program(args).env("DRIVETRAIN_HOME", place.path("home"))
}

fn check_refused(args: &[&str], code: i32, expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    place.write("other-1.0-py3-none-any.whl", "not a wheel");
    place.write("onnxruntime-1.28.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "not a wheel");
    place.write("bin/pip", "#!/bin/sh\nexit 3\n");
    program(&place, &[&["runtimes"], args].concat()).run().failed(code, expected);
    let mut left = files_below(&place.path(""));
    left.retain(|name| name.starts_with("home/") && name != "home/runtimes/.lock");
    assert_eq!(left, [""; 0], "{args:?}");
}

#[test]
fn what_is_installed_is_listed() {
    let Some(place) = Workplace::new() else { return };
    let text = place.run(&["runtimes", "list"]).succeeded().stdout;
    assert!(text.contains("onnxruntime 1.28.0") && text.contains("onnxruntime 1.31.1"), "{text}");
    let telemetry = text.lines().find(|line| line.contains("has telemetry"));
    assert!(telemetry.is_some_and(|line| line.contains("1.31.1") && line.contains("switched off")), "{text}");
    let json: Value =
        serde_json::from_str(&place.run(&["runtimes", "list", "--json"]).succeeded().stdout).expect("JSON");
    let installed = json["installed"].as_array().expect("a list").iter();
    let of_onnxruntime = installed.filter(|one| one["id"] == "onnxruntime");
    let versions: Vec<&str> = of_onnxruntime.filter_map(|one| one["version"].as_str()).collect();
    assert_eq!(versions, ["1.31.1", "1.28.0"]);
    assert_eq!(json["broken"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_could_be_installed_is_listed_with_the_command() {
    let Some(place) = Workplace::new() else { return };
    let text = program(&place, &["runtimes", "list"]).run().succeeded().stdout;
    for command in ["drivetrain runtimes install onnxruntime\n", "drivetrain runtimes install onnxruntime@1.31.1\n"] {
        assert!(text.contains(command), "{text}");
    }
    assert_eq!(place.files(), [""; 0], "looking creates nothing");
}

#[test]
fn a_version_is_removed_and_no_other() {
    let Some(place) = Workplace::new() else { return };
    let library = "home/runtimes/onnxruntime/1.28.0/lib/libonnxruntime.so.1.28.0";
    copy_tree(&place.rig.home().join("runtimes/onnxruntime"), &place.path("home/runtimes/onnxruntime"));
    program(&place, &["runtimes", "remove", "onnxruntime"])
        .run()
        .failed(2, &["several", "onnxruntime@1.31.1, onnxruntime@1.28.0"]);
    let removed = program(&place, &["runtimes", "remove", "onnxruntime@1.31.1"]).run().succeeded();
    assert_eq!(removed.stdout, "removed onnxruntime 1.31.1\n");
    assert!(place.path(library).is_file());
    program(&place, &["runtimes", "remove", "onnxruntime@1.31.1"])
        .run()
        .failed(3, &["is not installed", "onnxruntime@1.28.0"]);
    fs::write(place.path(library), "broken").expect("a file");
    let listed = program(&place, &["runtimes", "list"]).run().succeeded().stdout;
    assert!(listed.contains("broken: ") && listed.contains("another size"), "{listed}");
    let removed = program(&place, &["runtimes", "remove", "onnxruntime@1.28.0"]).run().succeeded();
    assert_eq!(removed.stdout, "removed onnxruntime 1.28.0\n");
    program(&place, &["runtimes", "remove", "onnxruntime"])
        .run()
        .failed(3, &["no version of `onnxruntime` is installed"]);
    assert_eq!(place.files(), ["home/runtimes/.lock"]);
}

#[test]
fn an_installed_version_is_not_fetched_again() {
    let Some(place) = Workplace::new() else { return };
    let said = place.run(&["runtimes", "install", "onnxruntime", "--pip", "/none/pip"]).succeeded().stdout;
    assert!(said.starts_with("already there: onnxruntime 1.28.0 at "), "{said}");
}

#[test]
fn what_cannot_be_installed_is_said() {
    check_refused(&["install", "tensorrt"], 3, &["no runtime `tensorrt`", "onnxruntime@1.28.0"]);
    check_refused(&["install", "onnxruntime@0.1.0"], 3, &["no runtime `onnxruntime@0.1.0`"]);
    check_refused(&["install", "onnxruntime@new"], 2, &["`new` is not a version"]);
    check_refused(&["install", "../etc"], 2, &["`../etc`"]);
    check_refused(
        &["remove", "onnxruntime@1.28.0"],
        3,
        &["`onnxruntime@1.28.0` is not installed", "nothing is installed"],
    );
    check_refused(&["remove", "../etc@1.0.0"], 2, &["`../etc`"]);
}

#[test]
fn a_pip_that_does_not_work_names_the_other_ways() {
    let ways = &["ensurepip", "uv", "--wheel FILE", "[backends.onnxruntime] library"];
    check_refused(
        &["install", "onnxruntime", "--pip", "/none/pip"],
        4,
        &[&["no pip that works", "`/none/pip`"], &ways[..]].concat(),
    );
    check_refused(&["install", "onnxruntime", "--pip", "/bin/false"], 4, ways);
    // It says that it works, and then fetches nothing.
    check_refused(&["install", "onnxruntime", "--pip", "/bin/true"], 4, &["fetched nothing", "--wheel"]);
}

#[test]
fn a_wrong_wheel_is_refused() {
    let install = |wheel: &'static str| ["install", "onnxruntime", "--wheel", wheel];
    let whl = "onnxruntime-1.28.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl";
    check_refused(&install(whl), 4, &[whl, "SHA-256"]);
    check_refused(&install("other-1.0-py3-none-any.whl"), 4, &["other-1.0-py3-none-any.whl"]);
    check_refused(&install("none.whl"), 3, &["none.whl"]);
}
