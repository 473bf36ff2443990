//! Inputs of every format, many at once, and parts of them.

use crate::jobs::Place;

/// The vectors of what the arguments name, as lines.
fn vectors(place: &Place, args: &[&str]) -> Vec<String> {
    let outcome = place.run(args).succeeded();
    assert_eq!(outcome.stderr, "", "{args:?}");
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn tables_are_read_by_column() {
    let Some(place) = Place::new() else { return };
    place.write("t.csv", "id,text,note\n1,one,x\n2,\"two, too\",y\n");
    place.write("t.tsv", "1\tone\n2\ttwo, too\n");
    let expected = vectors(&place, &["one", "two, too"]);
    assert_eq!(vectors(&place, &["-i", "t.csv"]), expected);
    assert_eq!(vectors(&place, &["-i", "t.tsv", "--no-header", "--column", "1"]), expected);
    assert_eq!(vectors(&place, &["-i", "t.csv", "--column", "note"]), vectors(&place, &["x", "y"]));
    place.run(&["-i", "t.csv", "--column", "body"]).failed(5, &["no column `body`", "id, text, note", "--column"]);
    place.run(&["-i", "t.tsv", "--no-header"]).failed(5, &["`t.tsv` has the columns 0, 1", "--column"]);
    place.write("bad.csv", "id,text\n1\n2,two\n");
    place.run(&["-i", "bad.csv"]).failed(5, &["line 2 of `bad.csv`: it has 1 values, not 2", "--skip-errors"]);
}

#[test]
fn what_is_written_as_parquet_is_read_again() {
    let Some(place) = Place::new() else { return };
    place.write("t.jsonl", "{\"id\": 1, \"body\": \"one\"}\n{\"id\": 2, \"body\": \"two\"}\n");
    place.run(&["-i", "t.jsonl", "--field", "body", "-o", "v.parquet"]).succeeded();
    let expected = vectors(&place, &["one", "two"]);
    assert_eq!(vectors(&place, &["-i", "v.parquet", "--column", "body"]), expected);
    place.run(&["-i", "v.parquet", "--column", "id"]).failed(5, &["column `id` of `v.parquet` holds Int64, not text"]);
    place.run(&["-i", "v.parquet"]).failed(5, &["id, body, embedding"]);
    let whole = std::fs::read(place.path("v.parquet")).expect("a file");
    place.write("cut.parquet", &whole[..whole.len() / 2]);
    place.run(&["-i", "cut.parquet"]).failed(5, &["cannot read `cut.parquet`"]);
    place.run(&["--input-format", "parquet", "-i", "-"]).failed(5, &["standard input cannot be read as Parquet"]);
}

#[test]
fn many_inputs_are_read_in_order() {
    let Some(place) = Place::new() else { return };
    place.write("d/b.txt", "three\nfour\n");
    place.write("d/a.jsonl", "\"one\"\n\"two\"\n");
    place.write("d/README.md", "not read\n");
    let expected = vectors(&place, &["one", "two", "three", "four"]);
    assert_eq!(vectors(&place, &["-i", "d"]), expected);
    assert_eq!(vectors(&place, &["-i", "d/a.jsonl", "d/b.txt"]), expected);
    assert_eq!(vectors(&place, &["-i", "d/a.jsonl", "-i", "d/*.txt"]), expected);
    assert_eq!(vectors(&place, &["-i", "d", "--skip", "1", "--limit", "2"]), expected[1..3]);
    assert_eq!(vectors(&place, &["-i", "d", "--skip", "9"]).len(), 0);
    let mixed = place.embed(&["-i", "d/a.jsonl", "-", "--limit", "4"]).stdin("three\nfour\nfive\n").run().succeeded();
    assert_eq!(mixed.stdout.lines().collect::<Vec<_>>(), expected);
    place.run(&["-i", "-", "-"]).failed(2, &["standard input can be read once only"]);
    place.run(&["-i", "d/*.csv"]).failed(5, &["there is no file like `d/*.csv`"]);
}

#[test]
fn shards_together_are_the_whole() {
    let Some(place) = Place::new() else { return };
    let texts: String = (0..10).map(|n| format!("text {n}\n")).collect();
    place.write("t.txt", texts);
    let expected = vectors(&place, &["-i", "t.txt"]);
    place.run(&["-i", "t.txt", "--out-dir", "d", "--shard-rows", "4"]).succeeded();
    let shards = place.output("d");
    let names: Vec<_> = shards.keys().map(|name| name.display().to_string()).collect();
    assert_eq!(names, ["part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl"]);
    let found = String::from_utf8(shards.into_values().collect::<Vec<_>>().concat()).expect("text");
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}
