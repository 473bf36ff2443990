//! Ctrl-C: it stops soon, says so by its exit code, and leaves nothing behind.

use std::{fs, path::Path, thread, time::Duration};

use drivetrain_tests::Outcome;

use crate::cli::{Workplace, workplace::files_below};

/// Whether a file has been begun in the folder.
fn begun(folder: &Path) -> bool {
    folder.read_dir().is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            hidden && entry.metadata().is_ok_and(|facts| facts.len() > 0)
        })
    })
}

fn check_interrupted(place: &Workplace, outcome: &Outcome, left: &[String]) {
    outcome.failed(130, &["interrupted"]);
    assert_eq!(place.files(), left, "nothing is left behind");
}

#[test]
fn embedding_stops_at_a_whole_record_and_says_how_to_go_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for name in ["v.npy", "v.jsonl"] {
            let Some(place) = Workplace::new() else { return };
            let part = place.path(&format!("{name}.part"));
            let program = place.program(&["embed", "-o", name]).endless_stdin("some text\n".repeat(1000));
            let written = || part.metadata().is_ok_and(|facts| facts.len() > 1 << 20);
            let running = program.start().until(written);
            running.signal(signal);
            running.wait().failed(code, &["interrupted", &format!("`{name}` holds the first"), "--resume"]);
            assert_eq!(place.files(), [name.to_owned(), format!("{name}.job.json")]);
        }
    }
}

#[test]
fn waiting_for_input_stops_at_once() {
    let Some(place) = Workplace::new() else { return };
    let running = place.program(&["embed", "-o", "v.npy"]).silent_stdin().start();
    let running = running.until(|| !place.files().is_empty());
    running.signal("INT");
    let outcome = running.wait();
    check_interrupted(&place, &outcome, &[]);
    assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
}

#[test]
fn a_conversion_stops_and_leaves_no_file() {
    let Some(place) = Workplace::new() else { return };
    let out = place.path("out");
    fs::create_dir(&out).expect("a folder");
    let program = place.program(&["convert", "all-MiniLM-L6-v2", "--to", "onnx", "-o", "out/model.onnx"]);
    let running = program.start().until(|| begun(&out));
    running.signal("INT");
    check_interrupted(&place, &running.wait(), &[]);
}

#[test]
fn a_distillation_stops_and_leaves_no_file() {
    let Some(place) = Workplace::new() else { return };
    let model = place.minilm("model");
    let program = place.program(&["convert", "model", "--to", "static", "-o", "out"]);
    // The graph is made first; the distillation that follows takes many seconds.
    let running = program.start().until(|| model.join("onnx/model.onnx").is_file());
    thread::sleep(Duration::from_millis(500));
    running.signal("INT");
    let mut left = files_below(&model);
    left.iter_mut().for_each(|name| name.insert_str(0, "model/"));
    check_interrupted(&place, &running.wait(), &left);
}

#[test]
fn a_second_interruption_ends_the_program_whatever_it_does() {
    let Some(place) = Workplace::new() else { return };
    let running = place.program(&["embed", "-o", "v.npy"]).silent_stdin().start();
    let running = running.until(|| !place.files().is_empty());
    // Stopped, it cannot obey the first before the second is there.
    for signal in ["STOP", "INT", "TERM", "CONT"] {
        running.signal(signal);
    }
    let outcome = running.wait();
    // Which of the two is heard first is the system's business.
    assert!(matches!(outcome.code, Some(130 | 143)), "{:?} {}", outcome.code, outcome.stderr);
    assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
}
