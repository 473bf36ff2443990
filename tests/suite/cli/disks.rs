//! Disks that are full or read-only, folders that are missing: said with the place, and nothing left behind.

use std::{fs, path::Path, process::Command, sync::LazyLock};

use drivetrain_tests::{Outcome, Program, skip};

use crate::cli::{
    Workplace,
    workplace::{files_below, made_in},
};

/// Whether this user may mount things for a program alone.
static MAY_MOUNT: LazyLock<bool> =
    LazyLock::new(|| Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|tried| tried.status.success()));

/// A place to work in, where things can be mounted.
fn workplace() -> Option<Workplace> {
    if !*MAY_MOUNT {
        skip("`unshare -m` is not allowed: read-only and full disks cannot be had");
        return None;
    }
    Workplace::new()
}

/// The program, with a folder that it can read only. (Permissions would not keep the superuser out.)
fn read_only(program: Program, folders: &[&Path]) -> Outcome {
    let mounts = folders.iter().map(|folder| {
        let folder = folder.display();
        format!("mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}' && ")
    });
    let script = format!("{}exec \"$@\"", mounts.collect::<String>());
    program.inside(&["unshare", "-m", "sh", "-c", &script, "sh"]).run()
}

/// The program, with a folder in which only so many bytes have room; what it leaves there is listed on standard output.
fn full(program: Program, folder: &Path, size: &str) -> Outcome {
    let folder = folder.display();
    let script = format!(
        "mount -t tmpfs -o size={size} none '{folder}' && {{ \"$@\"; code=$?; find '{folder}' -type f; exit $code; }}"
    );
    program.inside(&["unshare", "-m", "sh", "-c", &script, "sh"]).run()
}

fn folder(place: &Workplace, name: &str) -> std::path::PathBuf {
    let path = place.path(name);
    fs::create_dir_all(&path).expect("a folder");
    path
}

#[test]
fn a_read_only_model_is_converted_into_the_cache() {
    let Some(place) = workplace() else { return };
    let model = place.fixture("bert-mean", "model");
    let before = files_below(&model);
    let first =
        read_only(place.program(&["embed", "x", "-m", "model", "--backend", "onnxruntime"]), &[&model]).succeeded();
    assert!(first.stderr.contains(&place.rig.cache().display().to_string()), "{}", first.stderr);
    assert_eq!(files_below(&model), before);
    let cached = made_in(place.rig.cache());
    assert!(cached.len() == 1 && cached[0].ends_with("onnx/model.onnx"), "{cached:?}");
    let second =
        read_only(place.program(&["embed", "x", "-m", "model", "--backend", "onnxruntime"]), &[&model]).succeeded();
    assert_eq!((second.stdout, second.stderr.as_str()), (first.stdout, ""), "converted once");
    let to_int8 = place.program(&["convert", "model", "--to", "onnx-int8", "--accept"]);
    let told = read_only(to_int8, &[&model]).succeeded().stderr;
    assert!(told.contains(&place.rig.cache().display().to_string()), "{told}");
    assert_eq!(files_below(&model), before);
    // What lies there is found as if it lay beside the model.
    let in_int8 = ["embed", "x", "-m", "model", "--backend", "onnxruntime", "--precision", "int8"];
    read_only(place.program(&in_int8), &[&model]).succeeded();
}

#[test]
fn nothing_to_write_to_is_an_error_that_names_the_place() {
    let Some(place) = workplace() else { return };
    let model = place.fixture("bert-mean", "model");
    let before = files_below(&model);
    let cache = place.rig.cache();
    let outcome =
        read_only(place.program(&["embed", "x", "-m", "model", "--backend", "onnxruntime"]), &[&model, cache]);
    outcome.failed(6, &[&cache.display().to_string(), "Read-only file system"]);
    assert_eq!(outcome.stdout, "");
    assert_eq!(files_below(&model), before);
    assert_eq!(made_in(cache), [""; 0]);
    // The built-in model needs neither.
    read_only(place.program(&["embed", "x"]), &[&model, cache, place.rig.home()]).succeeded();
}

#[test]
fn a_read_only_output_folder_is_named() {
    let Some(place) = workplace() else { return };
    place.fixture("bert-mean", "model");
    let out = folder(&place, "out");
    for name in ["out/v.npy", "out/v.jsonl", "out/v.txt"] {
        let outcome = read_only(place.program(&["embed", "x", "-o", name]), &[&out]);
        outcome.failed(6, &[name, "Read-only file system"]);
    }
    let to_onnx = ["convert", "model", "--to", "onnx", "-o", "out/m.onnx"];
    read_only(place.program(&to_onnx), &[&out]).failed(6, &["out/m.onnx", "Read-only file system"]);
    let to_openvino = ["convert", "model", "--to", "openvino", "-o", "out/m.xml"];
    read_only(place.program(&to_openvino), &[&out]).failed(6, &["out/m.xml", "Read-only file system"]);
    let to_static = ["convert", "model", "--to", "static", "--dims", "8", "-o", "out/static"];
    read_only(place.program(&to_static), &[&out]).failed(6, &["out", "Read-only file system"]);
    assert_eq!(files_below(&out), [""; 0]);
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left() {
    let Some(place) = workplace() else { return };
    let out = folder(&place, "out");
    place.write("t.txt", "some text\n".repeat(3000));
    for name in ["out/v.npy", "out/v.jsonl"] {
        let outcome = full(place.program(&["embed", "-i", "t.txt", "-o", name]), &out, "1m");
        outcome.failed(6, &[name, "No space left on device"]);
        assert_eq!(outcome.stdout, "", "nothing is left");
    }
    let outcome = full(place.program(&["embed", "x", "-o", "out/v.npy"]), &out, "1m").succeeded();
    assert!(outcome.stdout.ends_with("out/v.npy\n"), "there would have been room for less: {}", outcome.stdout);
}

#[test]
fn a_disk_that_is_full_during_a_conversion_is_said_and_nothing_is_left() {
    let Some(place) = workplace() else { return };
    let model = place.fixture("bert-mean", "model");
    let out = folder(&place, "out");
    let to_onnx = ["convert", "model", "--to", "onnx", "-o", "out/m.onnx"];
    let to_static = ["convert", "model", "--to", "static", "--dims", "48", "--dtype", "f32", "-o", "out/static"];
    let to_openvino = ["convert", "model", "--to", "openvino", "-o", "out/m.xml"];
    for (args, why) in [
        (&to_onnx[..], "`out` has 0.1 MB left"),
        (&to_openvino, "`out` has 0.1 MB left"),
        (&to_static, "No space left on device"),
    ] {
        let outcome = full(place.program(args), &out, "100k");
        outcome.failed(6, &["out", why]);
        assert_eq!(outcome.stdout, "", "nothing is left");
    }
    fs::remove_dir_all(model.join("onnx")).expect("what the distillation needed");
    let before = files_below(&model);
    let cache = place.rig.cache().to_owned();
    let embed = place.program(&["embed", "x", "-m", "model", "--backend", "onnxruntime"]);
    let outcome = full(embed.inside(&bound_read_only(&model)), &cache, "100k");
    outcome.failed(6, &["the file is not there and takes about 1 MiB", "limits.disk"]);
    // What engines said is small, and found space.
    let left: Vec<&str> = outcome.stdout.lines().filter(|line| !line.ends_with("/plugin-probes.json")).collect();
    assert_eq!(left, [""; 0], "nothing is left");
    assert_eq!(files_below(&model), before);
}

/// The wrapper that makes one folder read-only, inside a program that may mount already.
fn bound_read_only(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    let script = format!("mount --bind '{folder}' '{folder}' && mount -o remount,ro,bind '{folder}' && exec \"$@\"");
    ["sh", "-c", &script, "sh"].map(str::to_owned).into()
}

#[test]
fn devices_without_room_are_named() {
    let Some(place) = Workplace::new() else { return };
    place.run(&["embed", "x", "-o", "/dev/full"]).failed(6, &["`/dev/full`", "No space left on device"]);
    for args in [
        &["embed", "x"][..],
        &["plugins", "list"],
        &["runtimes", "list"],
        &["completions", "fish"],
        &["config", "show"],
    ] {
        let outcome = place.program(args).inside(&["sh", "-c", "exec \"$@\" > /dev/full", "sh"]).run();
        outcome.failed(6, &["standard output", "No space left on device"]);
    }
}

#[test]
fn places_that_cannot_hold_the_output_are_named() {
    let Some(place) = Workplace::new() else { return };
    folder(&place, "folder");
    place.write("file", "mine");
    place
        .run(&["embed", "x", "-o", "none/v.npy"])
        .failed(6, &["cannot write `none/v.npy`", "there is no folder `none`"]);
    place.run(&["embed", "x", "-o", "folder"]).failed(6, &["cannot write `folder`", "Is a directory"]);
    place.run(&["embed", "x", "-o", "file/v.npy"]).failed(6, &["cannot write `file/v.npy`"]);
    place.fixture("bert-mean", "model");
    let to_static = |target| ["convert", "model", "--to", "static", "--dims", "8", "-o", target];
    place.run(&to_static("file")).failed(2, &["`file` exists"]);
    place.run(&to_static("model")).failed(2, &["`model` exists and is not an empty folder"]);
    assert_eq!(place.read("file"), "mine");
    assert!(place.files().iter().all(|name| name == "file" || name.starts_with("model/")), "{:?}", place.files());
}
