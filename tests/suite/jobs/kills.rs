//! Jobs that are killed at any moment come to the very same output.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::jobs::{Place, Random, lines};

const TEXTS: usize = 40_000;

/// Kills the job again and again, goes on with it each time, and compares what comes of it.
fn check(target: &[&str], format: &str, seed: u64) {
    let Some(place) = Place::new() else { return };
    place.write("t.txt", lines(TEXTS));
    let args = |name| [&["-i", "t.txt", "--format", format], target, &[name]].concat();
    let began = Instant::now();
    place.run(&args("whole")).succeeded();
    let whole = place.output("whole");
    let (took, mut random) = (began.elapsed(), Random(seed));
    let (mut kills, mut resumed) = (0, 0);
    loop {
        let known = place.sidecar("out");
        resumed += usize::from(known.as_ref().is_some_and(|known| known["records"].as_u64() > Some(0)));
        let resume: &[&str] = if known.is_some() { &["--resume"] } else { &[] };
        let running = place.embed(&[resume, &args("out")].concat()).start();
        // Later and later, so that it comes to its end.
        let delay = took.as_millis() as u64 * (20 + kills * 8 + random.below(30)) / 100;
        thread::sleep(Duration::from_millis(delay));
        running.signal("KILL");
        let outcome = running.wait();
        if outcome.code == Some(0) {
            break;
        }
        assert_eq!(outcome.code, None, "{}", outcome.stderr);
        kills += 1;
        for (name, bytes) in if place.path("out").exists() { place.output("out") } else { Default::default() } {
            let complete = name.extension().is_none_or(|extension| extension != "part");
            assert!(!complete || whole.get(&name) == Some(&bytes), "{name:?} has its name and is not whole");
        }
    }
    assert!(place.output("out") == whole, "{format} {target:?} after {kills} kills");
    assert_eq!(place.names(), ["out", "t.txt", "whole"]);
    assert!(kills >= 2 && resumed >= 1, "{kills} kills, {resumed} of them behind a checkpoint, with {took:?}");
}

#[test]
fn arrays() {
    (1..=2).for_each(|seed| check(&["-o"], "npy", seed));
}

#[test]
fn json_lines() {
    (3..=4).for_each(|seed| check(&["-o"], "jsonl", seed));
}

#[test]
fn safetensors() {
    check(&["-o"], "safetensors", 5);
}

#[test]
fn shards_of_parquet() {
    (6..=7).for_each(|seed| check(&["--shard-rows", "3000", "--out-dir"], "parquet", seed));
}

#[test]
fn shards_of_json_lines() {
    check(&["--shard-rows", "7001", "--out-dir"], "jsonl", 8);
}
