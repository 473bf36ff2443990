//! What cannot be resumed, and why.

use crate::jobs::{Place, lines};

/// A place with an interrupted job over `t.txt` into `out`.
fn interrupted() -> Option<Place> {
    let place = Place::new()?;
    place.write("t.txt", lines(40_000));
    let running = place.embed(&["-i", "t.txt", "-o", "out", "--format", "npy"]).start();
    let running = running.until(|| place.sidecar("out").is_some_and(|known| known["records"].as_u64() > Some(0)));
    running.signal("INT");
    running.wait().failed(130, &["interrupted"]);
    Some(place)
}

#[test]
fn another_job_is_refused_and_what_differs_is_named() {
    let Some(place) = interrupted() else { return };
    place.write("other.txt", "other\n");
    let before = place.output("out");
    let usual = ["--resume", "-i", "t.txt", "-o", "out", "--format", "npy"];
    let check = |args: &[&str], expected: &[&str]| {
        place
            .run(args)
            .failed(2, &[&["`out.job.json` belongs to another job", "leave out `--resume`"], expected].concat());
        assert!(place.output("out") == before, "{args:?} changed the output");
    };
    check(&[&usual[..], &["--prompt", "query: "]].concat(), &["--prompt was not given, and is `query: ` now"]);
    check(&[&usual[..], &["--truncate-dim", "8"]].concat(), &["dimensions was `256`, and is `8` now"]);
    check(&[&usual[..], &["--limit", "5"]].concat(), &["--limit was"]);
    check(&[&usual[..], &["--set", "pipeline.window=77"]].concat(), &["pipeline.window was `auto`, and is `77` now"]);
    check(&["--resume", "-i", "t.txt", "-o", "out", "--format", "jsonl"], &["format was `npy`, and is `jsonl` now"]);
    check(&["--resume", "-i", "other.txt", "-o", "out", "--format", "npy"], &["input was `", "t.txt`, not `"]);
    check(&["--resume", "-i", "t.txt", "other.txt", "-o", "out", "--format", "npy"], &["1 inputs, not 2"]);
    place.write("t.txt", lines(40_001));
    check(&usual, &["t.txt` has changed since"]);
}

#[test]
fn where_there_is_nothing_to_resume_that_is_said() {
    let Some(place) = Place::new() else { return };
    place.run(&["x", "-o", "v.npy", "--resume"]).failed(2, &["nothing to resume", "`v.npy.job.json`", "never begun"]);
    place.run(&["x", "-o", "v.npy"]).succeeded();
    place.run(&["x", "-o", "v.npy", "--resume"]).failed(2, &["nothing to resume", "`v.npy` is complete"]);
    place.run(&["x", "--resume"]).failed(2, &["only a file", "`-o` or `--out-dir`"]);
    place.run(&["x", "-o", "/dev/null", "--resume"]).failed(2, &["no regular file"]);
    place.write("w.npy.job.json", "{\"format_version\": 2}");
    place.run(&["x", "-o", "w.npy", "--resume"]).failed(2, &["`w.npy.job.json`", "format version 2 is not known"]);
    assert_eq!(place.names(), ["v.npy", "w.npy.job.json"]);
}

#[test]
fn a_new_beginning_says_what_is_given_up() {
    let Some(place) = interrupted() else { return };
    let outcome = place.run(&["x", "-o", "out", "--format", "npy"]).succeeded();
    assert!(outcome.stderr.contains("records of an interrupted job are given up"), "{}", outcome.stderr);
    assert_eq!(place.names(), ["out", "t.txt"]);
}

#[test]
fn a_job_that_ended_at_a_bad_line_goes_on_without_it() {
    let Some(place) = Place::new() else { return };
    let texts = lines(40_000);
    let quoted = |text: &str| format!("{text:?}\n");
    let lines: String = texts.lines().map(quoted).chain(["nonsense\n".to_owned(), quoted("last")]).collect();
    place.write("t.jsonl", lines);
    let args = |name| ["-i", "t.jsonl", "-o", name];
    let outcome = place.run(&args("out.npy"));
    outcome.failed(5, &["line 40001 of `t.jsonl`", "records are kept of `out.npy`", "`--resume` goes on"]);
    assert_eq!(place.names(), ["out.npy.job.json", "out.npy.part", "t.jsonl"]);
    place.run(&[&["--resume"], &args("out.npy")[..]].concat()).failed(5, &["line 40001 of `t.jsonl`"]);
    let resumed = place.run(&[&["--resume", "--skip-errors"], &args("out.npy")[..]].concat()).succeeded();
    assert!(resumed.stderr.contains("1 of the input's lines"), "{}", resumed.stderr);
    place.run(&[&["--skip-errors"], &args("whole.npy")[..]].concat()).succeeded();
    assert!(place.output("out.npy").into_values().eq(place.output("whole.npy").into_values()));
}

#[test]
fn two_processes_do_not_write_one_output() {
    let Some(place) = Place::new() else { return };
    let first = place.embed(&["-o", "out"]).silent_stdin().start().until(|| place.path("out.part").exists());
    place.run(&["x", "-o", "out"]).failed(6, &["`out` is being written by another process"]);
    first.signal("INT");
    first.wait().failed(130, &["interrupted"]);
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn outputs_that_would_spoil_something_are_refused() {
    let Some(place) = Place::new() else { return };
    place.write("t.jsonl", "\"one\"\n");
    place.run(&["-i", "t.jsonl", "-o", "./t.jsonl"]).failed(5, &["both input and output"]);
    assert_eq!(place.output("t.jsonl").into_values().next().expect("a file"), b"\"one\"\n");
    place.run(&["x", "--out-dir", "d"]).succeeded();
    place.run(&["x", "--out-dir", "d"]).failed(2, &["`d` holds `part-00000.jsonl` already", "empty folder"]);
    place.run(&["x", "--out-dir", "d", "-o", "f"]).failed(2, &["cannot be used with"]);
    place.run(&["x", "--out-dir", "e", "--shard-rows", "0"]).failed(2, &["--shard-rows"]);
    place.run(&["x", "--out-dir", "e", "--format", "preview"]).failed(2, &["a preview goes into one file"]);
    for format in ["parquet", "safetensors"] {
        place.run(&["x", "--format", format]).failed(2, &[&format!("add `-o vectors.{format}`")]);
    }
    assert_eq!(place.names(), ["d", "t.jsonl"]);
}
