//! Lines that are no text.

use std::time::Duration;

use crate::cli::Workplace;

fn check_refused(name: &str, contents: &[u8], expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    place.write(name, contents);
    for output in ["v.npy", "v.jsonl"] {
        place.run(&["embed", "-i", name, "-o", output]).failed(5, &[&[name, "--skip-errors"], expected].concat());
    }
    assert_eq!(place.files(), [name], "nothing half-written");
}

#[test]
fn bad_json_lines_are_named_by_number() {
    check_refused("t.jsonl", b"\"one\"\n{\"text\": \"two\"}\n{\"text\": \n", &["line 3", "not JSON"]);
    check_refused("t.jsonl", b"\"one\"\n\n", &["line 2", "not JSON"]);
    check_refused("t.jsonl", b"{\"text\": 7}\n", &["line 1", "`text` is a number, not text"]);
    check_refused("t.jsonl", b"{\"body\": \"x\"}\n", &["line 1", "no field `text`, only body"]);
    check_refused("t.jsonl", b"17\n", &["line 1", "a number"]);
}

#[test]
fn bytes_that_are_no_utf8_are_named_by_line_and_place() {
    check_refused("t.txt", b"one\ntw\xff\n", &["line 2", "not UTF-8 (byte 3 of the line)"]);
    check_refused("t.jsonl", b"\"\xc3(\"\n", &["line 1", "not UTF-8 (byte 2 of the line)"]);
    // UTF-16 as some editors save it.
    check_refused("t.txt", b"\xff\xfeo\0n\0e\0", &["line 1", "not UTF-8"]);
}

#[test]
fn bad_lines_can_be_left_out_and_are_counted() {
    let Some(place) = Workplace::new() else { return };
    let input = b"\"one\"\nnonsense\n{\"text\": null}\n\xff\n{\"text\": \"two\"}\n";
    let reference = place.run(&["embed", "one", "two"]).succeeded().stdout;
    let args = ["embed", "--input-format", "jsonl", "--skip-errors"];
    let outcome = place.program(&args).stdin(input).run().succeeded();
    assert_eq!(outcome.stdout, reference);
    assert!(outcome.stderr.contains("3 of the input's lines could not be read"), "{}", outcome.stderr);
    let told = place.program(&[&args[..], &["-v"]].concat()).stdin(input).run().succeeded().stderr;
    assert!(told.contains("line 2 of standard input") && told.contains("line 4"), "{told}");
    let quiet = place.program(&[&args[..], &["-q"]].concat()).stdin(input).run().succeeded();
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (reference, ""));
}

#[test]
fn a_line_of_a_hundred_megabytes_is_embedded_in_bounded_time_and_memory() {
    let Some(place) = Workplace::new() else { return };
    let bert = place.fixture("bert-mean", "model").display().to_string();
    place.write("words.txt", "word ".repeat(20_000_000));
    place.write("one.txt", "x".repeat(100_000_000));
    for (name, model) in [("words.txt", "builtin"), ("one.txt", "builtin"), ("words.txt", &bert), ("one.txt", &bert)] {
        let limited = ["bash", "-c", "ulimit -v 4000000; exec \"$@\"", "bash"];
        let outcome = place.program(&["embed", "-i", name, "-m", model]).inside(&limited).run().succeeded();
        assert_eq!(outcome.stdout.lines().count(), 1, "{name}");
        assert!(outcome.took < Duration::from_secs(30), "{name} took {:?}", outcome.took);
    }
}

#[test]
fn messages_about_a_line_cannot_move_the_cursor() {
    check_refused("t.jsonl", b"{\"\\u001b[2J\\r\": 1}\n", &["line 1", "only \\u{1b}[2J\\r"]);
}

#[test]
fn inputs_that_cannot_be_read_are_named() {
    let Some(place) = Workplace::new() else { return };
    place.run(&["embed", "-i", "none.txt", "-o", "v.npy"]).failed(5, &["cannot read `none.txt`"]);
    place.run(&["embed", "-i", "."]).failed(5, &["`.` is a folder"]);
    assert_eq!(place.files(), [""; 0]);
}
