//! Little memory: batches that are too large for it are cut, with a note, and what cannot be done at all is said.
#![cfg(target_os = "linux")]

use drivetrain_tests::{Outcome, max_abs_error, skip};
use serde_json::Value;

use crate::cli::Workplace;

/// Kilobytes of address space, from enough for the engine and a small batch to too little for the engine alone.
const LIMITS: [usize; 7] = [1_000_000, 700_000, 500_000, 400_000, 300_000, 200_000, 100_000];

fn vectors(outcome: &Outcome) -> Vec<f32> {
    let row = |line: &str| -> Value { serde_json::from_str(line).expect("JSON") };
    let rows: Vec<Value> = outcome.stdout.lines().map(row).collect();
    let numbers = rows.iter().flat_map(|row| row["embedding"].as_array().expect("a vector"));
    numbers.map(|number| number.as_f64().expect("a number") as f32).collect()
}

#[test]
fn batches_are_cut_to_what_memory_there_is() {
    let Some(place) = Workplace::new() else { return };
    let model = place.rig.minilm().display().to_string();
    let texts: String = (0..20).map(|idx| format!("{idx} {}\n", "many words ".repeat(130))).collect();
    place.write("texts.txt", texts);
    let embed = |kilobytes: Option<usize>| {
        let args = ["embed", "-m", &model, "-i", "texts.txt", "--threads", "1", "--batch-tokens", "16384"];
        let args = [&args[..], &["--backend", "onnxruntime"]].concat();
        let limit = kilobytes.map(|kilobytes| format!("ulimit -v {kilobytes} && exec \"$@\""));
        match limit {
            Some(limit) => place.program(&args).inside(&["sh", "-c", &limit, "sh"]).run(),
            None => place.program(&args).run(),
        }
    };
    let expect = vectors(&embed(None).succeeded());
    let (mut is_cut, mut is_too_little) = (false, false);
    for kilobytes in LIMITS {
        let outcome = embed(Some(kilobytes));
        if outcome.code != Some(0) {
            // What does not fit in pieces either is an error like any other, and so is a library that cannot be loaded.
            outcome.failed(4, &["hint: "]);
            is_too_little = true;
            continue;
        }
        assert!(!is_too_little, "{kilobytes} kB are enough where more were not");
        assert!(max_abs_error(&vectors(&outcome), &expect) <= 2e-5, "with {kilobytes} kB");
        if !outcome.stderr.is_empty() {
            assert!(outcome.stderr.contains("the engine has no memory for a batch of"), "{}", outcome.stderr);
            assert_eq!(outcome.stderr.lines().count(), 1, "one note: {}", outcome.stderr);
            is_cut = true;
        }
    }
    if !is_cut {
        skip("`ulimit -v` does not limit this process");
    }
}
