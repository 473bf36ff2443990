//! Conversions one can rely on: checked, recorded, made once, whole whatever happens.

use std::{fs, path::Path, thread, time::Duration};

use drivetrain_tests::Program;
use serde_json::Value;

use crate::cli::{Workplace, workplace::files_below};

const TO_INT8: [&str; 6] = ["convert", "model", "--to", "onnx-int8", "--preset", "avx2"];
const INT8: &str = "model/onnx/model_quint8_avx2.onnx";

fn record(place: &Workplace, folder: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{folder}/drivetrain.json"))).expect("JSON")
}

/// The part of a message that says what the program did.
fn verb(stderr: &str) -> &str {
    if stderr.contains("is up to date") {
        "left"
    } else if stderr.starts_with("wrote `") {
        "wrote"
    } else {
        stderr
    }
}

#[test]
fn what_is_made_is_recorded_and_made_once() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    let made = place.run(&TO_INT8).succeeded();
    assert_eq!(verb(&made.stderr), "wrote");
    assert!(made.stderr.contains("cosine to 32-bit floats: 0.99"), "{}", made.stderr);
    let bytes = fs::read(place.path(INT8)).expect("the artifact");
    let entry = &record(&place, "model/onnx")["artifacts"]["model_quint8_avx2.onnx"];
    assert_eq!((&entry["check"]["verdict"], &entry["target"]), (&"passed".into(), &"onnx-int8".into()));
    assert_eq!((&entry["options"]["preset"], &entry["options"]["samples"]), (&"avx2".into(), &"300".into()));
    assert_eq!(entry["files"][0]["bytes"], bytes.len());

    assert_eq!(verb(&place.run(&TO_INT8).succeeded().stderr), "left");
    let forced = place.run(&[&TO_INT8[..], &["--force"]].concat()).succeeded();
    assert_eq!(verb(&forced.stderr), "wrote");
    assert_eq!(fs::read(place.path(INT8)).expect("the artifact"), bytes, "equal inputs, equal bytes");
    assert_eq!(verb(&place.run(&[&TO_INT8[..], &["--samples", "20"]].concat()).succeeded().stderr), "wrote");
    place.write("model/onnx/drivetrain.json", "[]");
    assert_eq!(verb(&place.run(&["-q"].iter().chain(&TO_INT8).copied().collect::<Vec<_>>()).succeeded().stderr), "");
    assert_eq!(record(&place, "model/onnx")["format_version"], 1);
}

/// Nothing here is bad enough to be rejected, so the record says that an artifact was.
#[test]
fn what_is_not_exact_enough_has_an_exit_code_and_waits_to_be_accepted() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    place.run(&TO_INT8).succeeded();
    let text = place.read("model/onnx/drivetrain.json");
    let text = text.replace("model_quint8_avx2.onnx", "model_quint8_avx2.onnx.rejected").replace("passed", "rejected");
    place.write("model/onnx/drivetrain.json", text);
    fs::rename(place.path(INT8), place.path(&format!("{INT8}.rejected"))).expect("a rename");
    let outcome = place.run(&TO_INT8);
    outcome.failed(7, &["`onnx-int8` is not exact enough", "should be 0.99 and 0.95", "`--accept`", ".rejected`"]);
    let info = place.run(&["models", "info", "model"]).succeeded().stdout;
    assert!(!info.contains("(onnx int8)"), "nothing loads it: {info}");

    let accepted = place.run(&[&TO_INT8[..], &["--accept"]].concat()).succeeded();
    assert!(accepted.stderr.contains("accepted all the same"), "{}", accepted.stderr);
    assert_eq!(files_below(&place.path("model/onnx")), ["drivetrain.json", "model_quint8_avx2.onnx"]);
    place.run(&TO_INT8).succeeded();
}

#[test]
fn a_conversion_that_is_killed_leaves_nothing_that_the_next_does_not_remove() {
    let Some(place) = Workplace::new() else { return };
    let onnx = place.minilm("model").join("onnx");
    let to_onnx = ["convert", "model", "--to", "onnx"];
    for pause in [0, 60] {
        let running = place.program(&to_onnx).start().until(|| begun(&onnx));
        thread::sleep(Duration::from_millis(pause));
        running.signal("KILL");
        assert_eq!(running.wait().code, None);
        assert!(!onnx.join("model.onnx").exists());
    }
    place.run(&to_onnx).succeeded();
    assert_eq!(files_below(&onnx), ["drivetrain.json", "model.onnx"]);
}

/// Whether an artifact is being written.
fn begun(folder: &Path) -> bool {
    let parts = folder.read_dir().into_iter().flatten().flatten().filter_map(|entry| entry.path().read_dir().ok());
    parts.flatten().flatten().any(|file| file.metadata().is_ok_and(|facts| facts.len() > 0))
}

#[test]
fn of_two_processes_one_makes_it_and_the_other_waits() {
    let Some(place) = Workplace::new() else { return };
    let onnx = place.minilm("model").join("onnx");
    let to_onnx = ["convert", "model", "--to", "onnx"];
    let first = place.program(&to_onnx).start().until(|| begun(&onnx));
    let second = place.program(&to_onnx).start();
    let told = [first.wait().succeeded().stderr, second.wait().succeeded().stderr];
    assert_eq!(verb(&told[0]), "wrote");
    assert!(told[1].contains("waiting for another process") && verb(&told[1]) == "left", "{}", told[1]);
    assert_eq!(files_below(&onnx), ["drivetrain.json", "model.onnx"]);
}

#[test]
fn the_memory_of_an_export_is_bounded() {
    let Some(place) = Workplace::new() else { return };
    place.minilm("model");
    let largest_tensor = 30522 * 384 * 4;
    for target in ["onnx", "openvino"] {
        let (outcome, peak) =
            place.program(&["convert", "model", "--to", target, "--no-check"]).start().wait_with_peak();
        assert!(outcome.succeeded().stderr.contains("not checked"));
        if cfg!(target_os = "linux") {
            assert!(peak > 0 && peak < largest_tensor * 3 / 2 + (200 << 20), "{target}: {peak} bytes");
        }
    }
}

#[test]
fn everything_for_this_machine_is_made_and_compared() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    let told = place.run(&["convert", "model", "--all-for-this-machine", "--samples", "30"]).succeeded().stderr;
    assert!(told.contains("onnx/model.onnx`") && told.contains("int8"), "{told}");
    place.write("pairs.tsv", "score\ta\tb\n1\tone\ttwo\n3\tone\tone\n2\tone\tone two\n");
    let report = ["convert", "model", "--report", "--rounds", "1", "--pairs", "pairs.tsv"];
    let table = place.run(&report).succeeded().stdout;
    let exact = table.lines().find(|line| line.starts_with("onnx/model.onnx") && line.contains("onnxruntime"));
    assert!(exact.is_some_and(|line| line.contains(" f32 ") && line.contains("1.00000")), "{table}");
    let json = place.run(&[&report[..], &["--json"]].concat()).succeeded().stdout;
    let rows = serde_json::from_str::<Value>(&json).expect("JSON")["rows"].as_array().expect("rows").len();
    let markdown = place.run(&[&report[..], &["--markdown"]].concat()).succeeded().stdout;
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| ")).count(), rows + 1, "{markdown}");
    assert!(rows >= 2 && markdown.contains("| Spearman |"), "{markdown}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("bert-mean", "model").display().to_string();
    place.write("pairs.tsv", "1\tonly one\n");
    let refused: [(&[&str], i32, &[&str]); 6] = [
        (&[&model], 2, &["--to"]),
        (&[&model, "--to", "onnx", "--report"], 2, &["--report"]),
        (&[&model, "--all-for-this-machine", "-o", "x.onnx"], 2, &["--output"]),
        (&[&model, "--report", "--pairs", "pairs.tsv"], 5, &["pairs.tsv", "line 1"]),
        (&[&model, "--report", "--pairs", "none.tsv"], 5, &["none.tsv"]),
        (&["builtin", "--report"], 2, &["static"]),
    ];
    for (args, code, expected) in refused {
        place.run(&[&["convert"], args].concat()).failed(code, expected);
    }
    let device = ["convert", &model, "--to", "onnx", "-o", "/dev/null"];
    place.run(&device).failed(2, &["`/dev/null` is no regular file"]);
    assert!(!place.path("model/onnx").exists());
}

#[test]
fn without_an_engine_an_artifact_is_made_unchecked() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "model");
    let home = place.path("empty-home");
    let program = |place: &Workplace| -> Program {
        place.program(&["convert", "model", "--to", "onnx"]).env("DRIVETRAIN_HOME", &home)
    };
    let told = program(&place).run().succeeded().stderr;
    assert!(told.contains("not checked: ") && told.contains("drivetrain runtimes install"), "{told}");
    // It is checked as soon as that can be done, and not made again for it.
    let told = place.run(&["convert", "model", "--to", "onnx"]).succeeded().stderr;
    assert!(told.contains("is up to date") && told.contains("cosine"), "{told}");
}
