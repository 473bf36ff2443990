//! What `embed` reads and writes.

use serde_json::{Map, Value};

use crate::cli::{Workplace, npy::Npy};

const DIM: usize = 256;

/// The vectors in JSON lines.
fn vectors(jsonl: &str) -> Vec<Vec<f32>> {
    let record = |line| {
        let record: Value = serde_json::from_str(line).expect("a line of JSON");
        assert_eq!(record.as_object().map(Map::len), Some(1), "{line}");
        let numbers = record["embedding"].as_array().expect("a list").iter();
        numbers.map(|number| number.as_f64().expect("a number") as f32).collect()
    };
    jsonl.lines().map(record).collect()
}

/// Embeds what the arguments say and gives the vectors.
fn embedded(place: &Workplace, args: &[&str]) -> Vec<Vec<f32>> {
    let outcome = place.run(&[&["embed"], args].concat()).succeeded();
    assert_eq!(outcome.stderr, "", "{args:?}");
    vectors(&outcome.stdout)
}

#[test]
fn the_name_of_the_output_decides_how_it_is_written() {
    let Some(place) = Workplace::new() else { return };
    for name in ["a.npy", "a.jsonl", "a.ndjson", "a.txt", "a"] {
        let outcome = place.run(&["embed", "one", "two", "-o", name]).succeeded();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""), "{name}");
    }
    place.run(&["embed", "one", "two", "-o", "b.npy", "--format", "jsonl"]).succeeded();
    place.run(&["embed", "one", "two", "-o", "b.jsonl", "--format", "npy"]).succeeded();
    place.run(&["embed", "one", "two", "-o", "preview.jsonl", "--format", "preview"]).succeeded();
    let reference = embedded(&place, &["one", "two"]);
    for name in ["a.jsonl", "a.ndjson", "a.txt", "a", "b.npy"] {
        assert_eq!(vectors(&place.read(name)), reference, "{name}");
    }
    for name in ["a.npy", "b.jsonl"] {
        let npy = Npy::read(&place.path(name));
        assert_eq!(npy.shape, [2, DIM]);
        assert_eq!(npy.data, reference.concat(), "{name} holds the very same numbers");
    }
    let preview = place.read("preview.jsonl");
    assert!(preview.starts_with("\"one\"  dim 256  norm 1.0000  ["), "{preview}");
    let written = ["a", "a.jsonl", "a.ndjson", "a.npy", "a.txt", "b.jsonl", "b.npy", "preview.jsonl"];
    assert_eq!(place.files(), written);
}

#[test]
fn npy_needs_a_file() {
    let Some(place) = Workplace::new() else { return };
    place.run(&["embed", "x", "--format", "npy"]).failed(2, &["npy is written to a file only", "-o vectors.npy"]);
}

#[test]
fn texts_come_from_arguments_files_and_standard_input() {
    let Some(place) = Workplace::new() else { return };
    place.write("t.txt", "one\ntwo\n");
    place.write("t.jsonl", "\"one\"\n{\"text\": \"two\", \"id\": 2}\n");
    place.write("t.dat", "{\"body\": \"one\", \"text\": 1}\n{\"body\": \"two\"}\n");
    let reference = embedded(&place, &["one", "two"]);
    assert_eq!(reference.len(), 2);
    assert_ne!(reference[0], reference[1]);
    assert_eq!(embedded(&place, &["-i", "t.txt"]), reference);
    assert_eq!(embedded(&place, &["-i", "t.jsonl"]), reference);
    assert_eq!(embedded(&place, &["-i", "t.dat", "--input-format", "jsonl", "--field", "body"]), reference);
    for args in [&["embed"][..], &["embed", "-i", "-"]] {
        let outcome = place.program(args).stdin("one\ntwo").run().succeeded();
        assert_eq!(vectors(&outcome.stdout), reference, "{args:?}");
    }
    let outcome = place.program(&["embed", "--input-format", "jsonl"]).stdin("\"one\"\n\"two\"").run().succeeded();
    assert_eq!(vectors(&outcome.stdout), reference);
    place.run(&["embed", "one", "-i", "t.txt"]).failed(2, &["cannot be used with"]);
}

#[test]
fn every_line_is_a_record_and_line_ends_are_no_text() {
    let Some(place) = Workplace::new() else { return };
    place.write("t.txt", "\u{feff}one\r\n\r\n\ntwo\r\n");
    let found = embedded(&place, &["-i", "t.txt"]);
    let alone = embedded(&place, &["one", "", "two"]);
    assert_eq!(found, [&alone[0], &alone[1], &alone[1], &alone[2]].map(Clone::clone));
}

#[test]
fn an_empty_input_gives_zero_records_in_every_format() {
    let Some(place) = Workplace::new() else { return };
    place.write("empty.txt", "");
    for format in ["jsonl", "preview"] {
        let outcome = place.run(&["embed", "-i", "empty.txt", "--format", format]).succeeded();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
        let outcome = place.run(&["embed", "--format", format]).succeeded();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
    }
    place.run(&["embed", "-i", "empty.txt", "-o", "empty.jsonl"]).succeeded();
    assert_eq!(place.read("empty.jsonl"), "");
    place.run(&["embed", "-i", "empty.txt", "-o", "empty.npy"]).succeeded();
    assert_eq!(Npy::read(&place.path("empty.npy")), Npy { shape: [0, DIM], data: Vec::new() });
}

#[test]
fn an_output_file_is_replaced_and_keeps_nothing_of_the_old_one() {
    let Some(place) = Workplace::new() else { return };
    place.write("v.jsonl", "old\n".repeat(100_000));
    place.run(&["embed", "x", "-o", "v.jsonl"]).succeeded();
    assert_eq!(vectors(&place.read("v.jsonl")), embedded(&place, &["x"]));
    assert_eq!(place.files(), ["v.jsonl"]);
}

#[test]
fn what_is_no_file_is_written_directly() {
    let Some(place) = Workplace::new() else { return };
    for format in ["jsonl", "preview"] {
        place.run(&["embed", "x", "-o", "/dev/null", "--format", format]).succeeded();
    }
    let through_name = place.run(&["embed", "x", "-o", "/dev/stdout"]).succeeded();
    assert_eq!(vectors(&through_name.stdout), embedded(&place, &["x"]));
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let Some(place) = Workplace::new() else { return };
    let head = ["bash", "-c", "set -o pipefail; \"$@\" | head -n 1", "bash"];
    let lines = "some text\n".repeat(20_000);
    for format in ["jsonl", "preview"] {
        let program = place.program(&["embed", "--format", format]).inside(&head).stdin(lines.as_str());
        let outcome = program.run().succeeded();
        assert_eq!(outcome.stdout.lines().count(), 1);
        assert_eq!(outcome.stderr, "");
    }
    for args in [&["--help"][..], &["plugins", "list"], &["completions", "bash"], &["config", "show"]] {
        let outcome = place.program(args).inside(&head).run().succeeded();
        assert_eq!(outcome.stderr, "", "{args:?}");
    }
}
