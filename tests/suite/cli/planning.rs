//! Plans in use: what is measured and kept, what is told of it, and what becomes of candidates that do not run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use drivetrain_tests::{Outcome, Program, skip};
use serde_json::Value;

use crate::cli::Workplace;

/// The first of these comes first by the rules on every processor, and the second runs the model from its own weights.
const TWO_ENGINES: [&str; 2] = ["--set", "limits.allow_backends=[\"onnxruntime\", \"libtorch\"]"];

/// Few candidates for a model this small, and enough time for a race between them also where other tests run beside it.
const SETTINGS: [&str; 6] = ["-m", "m", "--precision", "f32", "--set", "plan.tune_seconds=6"];

/// A small transformer that every engine can run as it is, and the folder it is in; `None` after saying that the check is
/// skipped.
fn ready() -> Option<Workplace> {
    let place = Workplace::new()?;
    place.fixture("bert-mean", "m");
    place.run(&["convert", "m", "--to", "onnx", "--no-check"]).succeeded();
    Some(place)
}

fn program(place: &Workplace, command: &str, args: &[&str]) -> Program {
    place.program(&[&[command], &SETTINGS[..], args].concat())
}

fn run(place: &Workplace, command: &str, args: &[&str]) -> Outcome {
    program(place, command, args).run()
}

fn plan(place: &Workplace, args: &[&str]) -> Value {
    let outcome = run(place, "plan", &[args, &["--json"]].concat()).succeeded();
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|err| panic!("{err}: {}", outcome.stdout))
}

/// The files in which trials are kept.
fn kept(place: &Workplace) -> Vec<PathBuf> {
    let files = fs::read_dir(place.rig.cache().join("trials")).into_iter().flatten().flatten();
    files.map(|file| file.path()).collect()
}

/// Puts a library in the place of ONNX Runtime, for the profile `p.toml`, that is ONNX Runtime but does something first
/// in processes of one command; `None` after saying that the check is skipped.
fn tampered(place: &Workplace, command: &str, action: &str) -> Option<()> {
    let genuine = place.rig.onnxruntime("1.28.0");
    let source = format!(
        "#include <dlfcn.h>\n#include <fcntl.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\
         static int is_empty;\n\
         static int is_one(void) {{\n\
             char line[4096] = {{0}};\n\
             int file = open(\"/proc/self/cmdline\", O_RDONLY);\n\
             long length = read(file, line, sizeof line - 1);\n\
             for (long at = 0; at < length; at += strlen(line + at) + 1) if (!strcmp(line + at, {command:?})) return 1;\n\
             return 0;\n\
         }}\n\
         __attribute__((constructor)) static void begin(void) {{ if (is_one()) {{ {action} }} }}\n\
         const void *OrtGetApiBase(void) {{\n\
             const void *(*genuine)(void) = dlsym(dlopen({genuine:?}, RTLD_NOW), \"OrtGetApiBase\");\n\
             return is_empty ? NULL : genuine();\n\
         }}\n"
    );
    let (source, target) = (place.write("tampered.c", source), place.path("libonnxruntime.so.1.28.0"));
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&target).arg(&source).arg("-ldl").status();
    if !cfg!(target_os = "linux") || !compiled.is_ok_and(|status| status.success()) {
        skip("needs a C compiler, `cc`, and Linux");
        return None;
    }
    place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {target:?}\n"));
    Some(())
}

#[test]
fn what_is_measured_is_kept_and_counts_from_then_on() {
    let Some(place) = ready() else { return };
    let before = run(&place, "plan", &[]).succeeded().stdout;
    assert!(!before.contains("  tried "), "{before}");
    let measured = plan(&place, &["--tune"]);
    assert!(measured["figures"]["speed"]["seconds_per_text"].as_f64().is_some_and(|took| took > 0.0), "{measured:#}");
    let rejected = measured["rejected"].as_array().expect("a list");
    assert!(rejected.iter().any(|one| one["figures"].is_object()), "another one was tried: {measured:#}");
    assert_eq!(kept(&place).len(), 1);
    let after = run(&place, "plan", &[]).succeeded().stdout;
    assert!(after.contains("\n  tried   "), "{after}");
    let peak = |plan: &Value| plan["figures"]["peak_bytes"].as_u64().expect("a number");
    assert_eq!(peak(&plan(&place, &[])), peak(&measured), "it is not measured again");
    // Another question has its own answer, which nobody has found out yet.
    let other = ["--max-loss", "1.1%"];
    let untried = run(&place, "plan", &other).succeeded().stdout;
    assert!(!untried.contains("  tried "), "{untried}");
    // This share is a number with more digits than are always read back as they are.
    run(&place, "plan", &[&other[..], &["--tune"]].concat()).succeeded();
    let tried = run(&place, "plan", &other).succeeded().stdout;
    assert!(tried.contains("\n  tried   "), "{tried}");
    assert_eq!(kept(&place).len(), 2);
}

fn check_unusable(place: &Workplace, file: &Path, contents: &str, expected: &str) {
    fs::write(file, contents).expect("a file");
    let outcome = run(place, "plan", &[]).succeeded();
    assert!(outcome.stderr.contains(expected), "`{expected}` is not in: {}", outcome.stderr);
    assert!(outcome.stderr.contains("has to be found out again"), "{}", outcome.stderr);
    assert!(!outcome.stdout.contains("  tried "), "{}", outcome.stdout);
}

#[test]
fn trials_that_cannot_be_read_are_told_and_left_out() {
    let Some(place) = ready() else { return };
    run(&place, "plan", &["--tune"]).succeeded();
    let files = kept(&place);
    let [file] = &files[..] else { panic!("one race, one file: {files:?}") };
    let text = fs::read_to_string(file).expect("trials");
    let changed = |pointer: &str, value: Value| {
        let mut whole: Value = serde_json::from_str(&text).expect("JSON");
        *whole.pointer_mut(pointer).expect("it is there") = value;
        whole.to_string()
    };
    check_unusable(&place, file, &text[..text.len() / 2], "broken");
    check_unusable(&place, file, "", "broken");
    check_unusable(&place, file, "{}", "broken");
    check_unusable(&place, file, &changed("/version", 2.into()), "of version 2, not 1");
    check_unusable(&place, file, &changed("/records/trials", "none".into()), "broken");
    check_unusable(&place, file, &format!("{text}{}", " ".repeat(9 << 20)), "have more than");
    // A file of another question, such as one that was copied, is no answer to this one.
    fs::write(file, changed("/records/key/package", "another".into())).expect("a file");
    assert!(!run(&place, "plan", &[]).succeeded().stdout.contains("  tried "));
    fs::write(file, &text).expect("a file");
    assert!(run(&place, "plan", &[]).succeeded().stdout.contains("  tried "));
}

#[test]
fn a_candidate_that_crashes_is_out_and_the_others_go_on() {
    let Some(place) = ready() else { return };
    if tampered(&place, "trial", "write(2, \"no licence\\n\", 11); abort();").is_none() {
        return;
    }
    let found = plan(&place, &["-c", "p.toml", "--tune"]);
    assert_ne!(found["chosen"]["backend"], "onnxruntime");
    assert!(found["figures"].is_object(), "the others go on: {found:#}");
    let rejected = found["rejected"].as_array().expect("a list").iter();
    let reason = |one: &Value| (one["backend"] == "onnxruntime").then(|| one["reason"].clone());
    let failed = rejected.filter_map(reason).find(|reason| reason["why"] == "failed").expect("a candidate that failed");
    let problem = failed["problem"].as_str().expect("what happened");
    assert!(problem.contains("signal: 6") && problem.contains("no licence"), "{problem}");
    // It stays out, and what embeds does not go near it.
    assert_ne!(plan(&place, &["-c", "p.toml"])["chosen"]["backend"], "onnxruntime");
    let goal = ["-c", "p.toml", "--set", "workload.goal=throughput", "x"];
    let told = run(&place, "embed", &goal).succeeded().stderr;
    assert!(told.contains("runs with ") && !told.contains("runs with onnxruntime"), "{told}");
}

#[test]
fn a_race_that_is_interrupted_ends_with_a_plan() {
    let Some(place) = ready() else { return };
    let begun = place.path("begun");
    if tampered(&place, "trial", &format!("creat({begun:?}, 0600); sleep(60);")).is_none() {
        return;
    }
    let running = program(&place, "plan", &["-c", "p.toml", "--tune"]).start().until(|| begun.is_file());
    running.signal("INT");
    let outcome = running.wait();
    outcome.failed(130, &["interrupted"]);
    assert!(outcome.stdout.starts_with("m: ") && outcome.stdout.contains("\n  file    "), "{}", outcome.stdout);
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    assert_eq!(kept(&place), Vec::<PathBuf>::new(), "half a race decides nothing later");
}

#[test]
fn an_engine_that_does_not_run_makes_way_for_the_next_best_and_that_is_told() {
    let Some(place) = ready() else { return };
    let expect = run(&place, "embed", &["--backend", "onnxruntime", "x"]).succeeded().stdout;
    if tampered(&place, "embed", "is_empty = 1;").is_none() {
        return;
    }
    if !place.rig.plugins().join("libtorch").is_dir() {
        return skip("needs the plugin libtorch");
    }
    let outcome = run(&place, "embed", &[&TWO_ENGINES[..], &["-c", "p.toml", "x"]].concat()).succeeded();
    for part in [
        "onnxruntime on cpu in f32 from onnx/model.onnx does not run, the next best is taken: ",
        "`m` runs with libtorch ",
    ] {
        assert!(outcome.stderr.contains(part), "`{part}` is not in: {}", outcome.stderr);
    }
    let numbers = |text: &str| -> Vec<f64> {
        let vector: Value = serde_json::from_str(text.trim()).expect("JSON");
        vector["embedding"].as_array().expect("a vector").iter().filter_map(Value::as_f64).collect()
    };
    let (found, expect) = (numbers(&outcome.stdout), numbers(&expect));
    assert!(found.len() == expect.len() && found.iter().zip(&expect).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
    // Who asks for the engine by name is told, and given no other.
    let outcome = run(&place, "embed", &["-c", "p.toml", "--backend", "onnxruntime", "x"]);
    assert!(outcome.code != Some(0) && outcome.stdout.is_empty(), "{}", outcome.stdout);
}

#[test]
fn every_installed_release_of_an_engine_is_tried_and_the_one_that_won_is_run_and_locked() {
    let Some(place) = ready() else { return };
    for version in ["1.28.0", "1.31.1"] {
        let folder = place.rig.home().join("runtimes/onnxruntime").join(version);
        assert!(folder.is_dir(), "`cargo xtask test` installs {version}");
    }
    let own = ["--set", "limits.allow_backends=[\"onnxruntime\"]"];
    let untried = run(&place, "plan", &[&own[..], &["--explain"]].concat()).succeeded().stdout;
    assert!(untried.starts_with("m: onnxruntime on cpu in f32"), "{untried}");
    let other = "onnxruntime 1.31.1 on cpu in f32 from onnx/model.onnx";
    let line = untried.lines().find(|line| line.contains(other)).unwrap_or_else(|| panic!("no {other} in {untried}"));
    assert!(line.contains("another installed release"), "{line}");
    let probed = place.run(&["probe"]).succeeded().stdout;
    assert!(probed.contains("engine 1.28.0") && probed.contains("engine 1.31.1, installed as well"), "{probed}");
    run(&place, "plan", &[&own[..], &["--tune"]].concat()).succeeded();
    let tried = plan(&place, &own);
    assert!(tried["rejected"].as_array().expect("a list").iter().any(|one| one["figures"].is_object()), "{tried:#}");
    // Whichever is faster here, the other one is made to win as well.
    let files = kept(&place);
    let mut whole: Value = serde_json::from_str(&fs::read_to_string(&files[0]).expect("trials")).expect("JSON");
    for winner in [None, Some("1.31.1")] {
        for trial in whole["records"]["trials"].as_array_mut().expect("a list") {
            let is_winner = trial["candidate"]["release"]["version"].as_str() == winner;
            trial["outcome"]["speed"]["seconds_per_text"] = if is_winner { 0.001 } else { 0.002 }.into();
        }
        fs::write(&files[0], whole.to_string()).expect("trials");
        let version = winner.unwrap_or("1.28.0");
        let lock = format!("{version}.lock");
        run(&place, "plan", &[&own[..], &["--lock", &lock]].concat()).succeeded();
        let locked = fs::read_to_string(place.path(&lock)).expect("a lock");
        assert!(locked.contains(&format!("version = \"{version}\"")), "{locked}");
        for args in [&own[..], &["--frozen", "--lock", &lock]] {
            let log = [args, &["--set", "workload.goal=throughput", "-vv", "x"]].concat();
            let outcome = run(&place, "embed", &log).succeeded();
            let loaded = format!("onnxruntime/{version}/");
            assert!(outcome.stderr.contains(&loaded), "{version} {args:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_broken_file_of_the_model_is_told_and_not_passed_over() {
    let Some(place) = ready() else { return };
    place.write("m/onnx/model.onnx", "no graph");
    let outcome = run(&place, "embed", &[&TWO_ENGINES[..], &["x"]].concat());
    assert!(outcome.code != Some(0) && outcome.stdout.is_empty(), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("onnx/model.onnx"), "{}", outcome.stderr);
}

#[test]
fn embedding_says_in_one_line_what_was_chosen() {
    let Some(place) = ready() else { return };
    let told = run(&place, "embed", &["x"]).succeeded().stderr;
    assert_eq!(told.lines().count(), 1, "{told}");
    for part in ["`m` runs with ", "(by the rules; ", "--tune` measures"] {
        assert!(told.contains(part), "`{part}` is not in: {told}");
    }
    for args in [&["-q", "x"][..], &["--backend", "onnxruntime", "x"]] {
        assert_eq!(run(&place, "embed", args).succeeded().stderr, "", "{args:?}");
    }
}

#[test]
fn embedding_measures_first_where_the_profile_says_so() {
    let Some(place) = ready() else { return };
    let always = ["--set", "plan.tune=always", "x"];
    let first = run(&place, "embed", &always).succeeded();
    assert!(first.stderr.contains("(measured; "), "{}", first.stderr);
    let files = kept(&place);
    let [file] = &files[..] else { panic!("one race, one file: {files:?}") };
    let changed = || fs::metadata(file).and_then(|facts| facts.modified()).expect("a file");
    let before = changed();
    let second = run(&place, "embed", &always).succeeded();
    assert_eq!((second.stdout, changed()), (first.stdout, before), "it is known by now");
    // What is typed is too little to measure for, unless somebody says so.
    let place = ready().expect("it was ready before");
    run(&place, "embed", &["x"]).succeeded();
    assert_eq!(kept(&place), Vec::<PathBuf>::new());
}
