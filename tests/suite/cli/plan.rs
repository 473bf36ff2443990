//! `plan`: what would run a model here, and why not the rest.

use drivetrain_tests::Outcome;
use serde_json::Value;

use crate::cli::Workplace;

fn run(place: &Workplace, args: &[&str]) -> Outcome {
    let args = [&["plan"], args].concat();
    place.program(&args).env("DRIVETRAIN_CACHE", place.path("cache")).run()
}

fn plan(place: &Workplace, args: &[&str]) -> Value {
    let outcome = run(place, &[args, &["--json"]].concat()).succeeded();
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|err| panic!("{err}: {}", outcome.stdout))
}

#[test]
fn the_builtin_model_is_planned_for_the_static_backend() {
    let Some(place) = Workplace::new() else { return };
    let found = plan(&place, &[]);
    assert_eq!((&found["chosen"]["backend"], &found["chosen"]["precision"]), (&"static".into(), &"f32".into()));
    assert_eq!(found["memory"]["activations"], 0);
    let outcome = run(&place, &["--explain"]).succeeded();
    assert!(outcome.stdout.starts_with("builtin: static on cpu in f32, "), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("taken instead: static on cpu in f32"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\n  onnxruntime  it reads onnx, which this model has not"), "{}", outcome.stdout);
}

#[test]
fn everything_not_chosen_has_a_reason() {
    let Some(place) = Workplace::new() else { return };
    let model = place.minilm("m");
    let model = ["-m", model.to_str().expect("a path")];
    let found = plan(&place, &[&model[..], &["--backend", "onnxruntime"]].concat());
    assert_eq!(found["chosen"]["backend"], "onnxruntime");
    assert_eq!(found["chosen"]["precision"], "f32");
    let rejected = found["rejected"].as_array().expect("a list");
    assert!(rejected.iter().all(|one| one["reason"]["why"].is_string()), "{rejected:#?}");
    let int8 = rejected.iter().find(|one| one["candidate"]["precision"] == "int8" && one["backend"] == "onnxruntime");
    assert_eq!(int8.expect("a candidate in 8 bits")["reason"]["why"], "loss");
    let found = plan(
        &place,
        &[&model[..], &["--backend", "onnxruntime", "--max-loss", "0.4%", "--set", "accuracy.batch_invariant=false"]]
            .concat(),
    );
    assert_eq!(found["chosen"]["precision"], "int8");
    assert_eq!(found["chosen"]["file"]["target"], "onnx-int8");
    let outcome =
        run(&place, &[&model[..], &["--explain", "--rules", "sentence-transformers-v5"]].concat()).succeeded();
    for part in ["sentence-transformers-v5: ", " acceptable? no: ", ": taken\n", "\nnot chosen:\n"] {
        assert!(outcome.stdout.contains(part), "`{part}` is not in: {}", outcome.stdout);
    }
}

fn check_refused(args: &[&str], expected: &str) {
    let Some(place) = Workplace::new() else { return };
    let model = place.minilm("m");
    let outcome = run(&place, &[&["-m", model.to_str().expect("a path")], args].concat());
    assert_ne!(outcome.code, Some(0), "{args:?}: {}", outcome.stdout);
    assert!(outcome.stderr.contains(expected), "`{expected}` is not in: {}", outcome.stderr);
}

#[test]
fn what_cannot_be_planned_says_why() {
    check_refused(&["--set", "limits.memory=100MiB"], "raise `limits.memory` to `");
    check_refused(&["--device", "nowhere:7"], "has no device `nowhere:7`");
    check_refused(&["--set", "limits.allow_backends=[\"static\"]"], "does not name it");
    let contradiction = "`device` is `cpu` (--device), but `limits.deny_devices` names it";
    check_refused(&["--device", "cpu", "--set", "limits.deny_devices=[\"cpu\"]"], contradiction);
    let contradiction = "`backend` is `openvino` (--backend), but `limits.allow_backends` does not name it";
    check_refused(&["--backend", "openvino", "--set", "limits.allow_backends=[\"static\"]"], contradiction);
    check_refused(&["--backend", "nope"], "no backend `nope`");
    check_refused(&["--rules", "sentence-transformers-v4"], "did you mean `sentence-transformers-v");
    check_refused(&["--max-loss", "lots"], "`--max-loss`");
    check_refused(&["--set", "workload.text_length=\"tiny\""], "`workload.text_length`");
}
