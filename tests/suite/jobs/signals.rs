//! Ctrl-C and SIGTERM: what is there is whole, and can be gone on with.

use drivetrain_tests::Outcome;

use crate::jobs::{DIM, Place, lines};

const TEXTS: usize = 40_000;

/// Lets a job run until it has a checkpoint, and interrupts it.
fn interrupted(place: &Place, args: &[&str], signal: &str) -> Outcome {
    let known = |place: &Place| place.sidecar("out").is_some_and(|known| known["position"] != serde_json::Value::Null);
    let running = place.embed(args).start().until(|| known(place));
    running.signal(signal);
    running.wait()
}

fn rows(format: &str, bytes: &[u8]) -> usize {
    match format {
        "jsonl" => {
            assert!(bytes.ends_with(b"]}\n"));
            bytes.iter().filter(|&&byte| byte == b'\n').count()
        }
        "npy" => {
            let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
            let n_rows = header.split(['(', ',']).nth(3).and_then(|rows| rows.trim().parse().ok());
            let n_rows = n_rows.unwrap_or_else(|| panic!("{header}"));
            assert_eq!(bytes.len(), 128 + n_rows * DIM * 4);
            n_rows
        }
        _ => {
            let file = safetensors::SafeTensors::deserialize(bytes).expect("a whole file");
            file.tensor("embeddings").expect("vectors").shape()[0]
        }
    }
}

#[test]
fn an_interrupted_file_is_whole_and_is_gone_on_with() {
    let Some(place) = Place::new() else { return };
    place.write("t.txt", lines(TEXTS));
    for (format, signal, code) in [("jsonl", "INT", 130), ("npy", "TERM", 143), ("safetensors", "INT", 130)] {
        let args = |name| ["-i", "t.txt", "--format", format, "-o", name];
        place.run(&args("whole")).succeeded();
        let outcome = interrupted(&place, &args("out"), signal);
        outcome.failed(code, &["interrupted", "`out` holds the first", "--resume"]);
        assert_eq!(place.names(), ["out", "out.job.json", "t.txt", "whole"]);
        let part = place.output("out").into_values().next().expect("one file");
        let n_rows = rows(format, &part);
        assert!(n_rows > 0 && n_rows < TEXTS, "{n_rows}");
        assert!(outcome.stderr.contains(&format!("first {n_rows} records")), "{}", outcome.stderr);
        let resumed = place.run(&[&["--resume"], &args("out")[..]].concat()).succeeded();
        assert_eq!((resumed.stdout.as_str(), resumed.stderr.as_str()), ("", ""));
        assert!(place.output("out") == place.output("whole"), "{format}");
        assert_eq!(place.names(), ["out", "t.txt", "whole"]);
        std::fs::remove_file(place.path("out")).expect("a file");
    }
}

#[test]
fn interrupted_shards_are_whole_and_are_gone_on_with() {
    let Some(place) = Place::new() else { return };
    place.write("t.txt", lines(TEXTS));
    let args = |name| ["-i", "t.txt", "--format", "parquet", "--shard-rows", "5000", "--out-dir", name];
    place.run(&args("whole")).succeeded();
    let outcome = interrupted(&place, &args("out"), "TERM");
    outcome.failed(143, &["interrupted", "`out` holds the first", "--resume"]);
    for (name, bytes) in place.output("out") {
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{name:?}");
    }
    place.run(&[&["--resume"], &args("out")[..]].concat()).succeeded();
    assert!(place.output("out") == place.output("whole"));
}

#[test]
fn a_single_parquet_file_begins_again_and_says_so() {
    let Some(place) = Place::new() else { return };
    place.write("t.txt", lines(90_000));
    let args = |name| ["-i", "t.txt", "-o", name];
    place.run(&args("whole.parquet")).succeeded();
    let running = place.embed(&args("out.parquet")).start();
    // Row groups are written when they are complete, so there is something when the first is.
    let begun = || place.path("out.parquet.part").metadata().is_ok_and(|facts| facts.len() > 0);
    let running = running.until(begun);
    running.signal("INT");
    running.wait().failed(130, &["`out.parquet` holds the first", "begins again", "--out-dir"]);
    let part = &place.output("out.parquet").into_values().next().expect("one file");
    assert!(part.starts_with(b"PAR1") && part.ends_with(b"PAR1"));
    place.run(&[&["--resume"], &args("out.parquet")[..]].concat()).succeeded();
    assert!(place.output("out.parquet") == place.output("whole.parquet"));
    assert_eq!(place.names(), ["out.parquet", "t.txt", "whole.parquet"]);
}

#[test]
fn standard_input_can_be_given_again() {
    let Some(place) = Place::new() else { return };
    let embed = |args: &[&str]| {
        let usual = ["--format", "npy", "--limit", "40000"];
        place.embed(&[&usual, args].concat()).endless_stdin(lines(1000))
    };
    embed(&["-o", "whole"]).run().succeeded();
    let running = embed(&["-o", "out"]).start();
    let running = running.until(|| place.sidecar("out").is_some_and(|known| known["records"].as_u64() > Some(0)));
    running.signal("INT");
    running.wait().failed(130, &["`out` holds the first"]);
    embed(&["-o", "out", "--resume"]).run().succeeded();
    assert!(place.output("out") == place.output("whole"));
}
