//! Jobs that are killed at any moment come to the very same output.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
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
    let mut kill = Kill { took: began.elapsed(), random: Random(seed), kills: 0, resumed: 0 };
    // On a busy machine one run may be as fast as half of another, and end before it is killed.
    let enough = (0..5).any(|_| {
        kill.until_whole(&place, &args("out"), &whole);
        assert!(place.output("out") == whole, "{format} {target:?} after {} kills", kill.kills);
        assert_eq!(place.names(), ["out", "t.txt", "whole"]);
        let enough = kill.kills >= 2 && kill.resumed >= 1;
        if !enough {
            let out = place.path("out");
            if out.is_dir() { fs::remove_dir_all(out) } else { fs::remove_file(out) }.expect("the output goes");
            kill.took /= 2;
        }
        enough
    });
    assert!(enough, "{} kills, {} of them behind a checkpoint", kill.kills, kill.resumed);
}

/// A job that is killed.
struct Kill {
    /// How long it takes when it is not.
    took: Duration,
    random: Random,
    kills: u32,
    /// How often it began behind a checkpoint.
    resumed: u32,
}

impl Kill {
    /// Kills the job again and again, and goes on with it, until it comes to its end.
    fn until_whole(&mut self, place: &Place, args: &[&str], whole: &BTreeMap<PathBuf, Vec<u8>>) {
        for round in 0.. {
            let known = place.sidecar("out");
            self.resumed += u32::from(known.as_ref().is_some_and(|known| known["records"].as_u64() > Some(0)));
            let resume: &[&str] = if known.is_some() { &["--resume"] } else { &[] };
            let running = place.embed(&[resume, args].concat()).start();
            // Later and later, so that it comes to its end.
            let delay = self.took.as_millis() as u64 * (20 + round * 8 + self.random.below(30)) / 100;
            thread::sleep(Duration::from_millis(delay));
            running.signal("KILL");
            let outcome = running.wait();
            if outcome.code == Some(0) {
                return;
            }
            assert_eq!(outcome.code, None, "{}", outcome.stderr);
            self.kills += 1;
            for (name, bytes) in if place.path("out").exists() { place.output("out") } else { Default::default() } {
                let complete = name.extension().is_none_or(|extension| extension != "part");
                assert!(!complete || whole.get(&name) == Some(&bytes), "{name:?} has its name and is not whole");
            }
        }
    }
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
