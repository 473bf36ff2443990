//! Static models fitted to texts, by the program.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use drivetrain_tests::{Fixture, Program, Rig};

use crate::vectors::{Wanted, copy_model, engine};

/// Enough for the transformer to be asked more than once.
const TEXTS: usize = 12_000;

const WORDS: [&str; 12] =
    ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "again", "and", "water"];

fn texts() -> String {
    (0..TEXTS).fold(String::new(), |mut texts, idx| {
        let words: Vec<&str> =
            (0..3 + idx % 17).map(|place| WORDS[(idx * (place + 3) + place) % WORDS.len()]).collect();
        let _ = writeln!(texts, "{} {idx}", words.join(" "));
        texts
    })
}

fn fit(rig: &Rig, model: &Path, (texts, cache, out): (&str, &str, &str)) -> Program {
    let place = |name: &str| rig.cache().join(name);
    let program = Program::drivetrain(rig).env("DRIVETRAIN_CACHE", place(cache)).args(["convert"]).args([model]);
    let program = program.args(["--to", "static", "--dims", "32", "--dtype", "i8", "--epochs", "4", "--threads", "2"]);
    program.args(["--fit"]).args([place(texts)]).args(["-o"]).args([place(out)])
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = folder.read_dir().unwrap().flatten();
    entries.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect()
}

/// A real engine gives the same vectors whenever it is asked, so a fitting that was killed comes to the same files.
#[test]
fn fittings_that_are_killed_come_to_the_same_files() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    fs::write(rig.cache().join("texts.txt"), texts()).unwrap();
    let began = Instant::now();
    let told = fit(&rig, &model, ("texts.txt", "cache-1", "whole")).run().succeeded().stderr;
    let took = began.elapsed();
    assert!(told.contains("trained on 11,"), "{told}");
    let whole = files(&rig.cache().join("whole"));
    let mut kills = 0;
    loop {
        let running = fit(&rig, &model, ("texts.txt", "cache-2", "out")).start();
        thread::sleep(took.mul_f64(0.3 + 0.15 * f64::from(kills)).max(Duration::from_millis(20)));
        running.signal("KILL");
        let outcome = running.wait();
        if outcome.code == Some(0) {
            break;
        }
        assert_eq!(outcome.code, None, "{}", outcome.stderr);
        assert!(!rig.cache().join("out").exists());
        kills += 1;
    }
    assert!(kills >= 2, "{kills} with {took:?}");
    assert!(files(&rig.cache().join("out")) == whole, "after {kills} kills");
    let static_model = engine(&rig, &rig.cache().join("out"), Wanted::default()).unwrap();
    assert_eq!(static_model.embed(&["the lazy dog"]).unwrap().dim(), 32);
}

/// Exit code 2 is for what was asked for, 5 for texts that cannot be read, and nothing appears.
#[test]
fn texts_that_do_not_serve_are_refused() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    let check = |name: &str, contents: Option<&[u8]>, code: i32, word: &str| {
        if let Some(contents) = contents {
            fs::write(rig.cache().join(name), contents).unwrap();
        }
        let outcome = fit(&rig, &model, (name, "cache", "out")).run();
        assert_eq!(outcome.code, Some(code), "{name}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(word), "{name}: {}", outcome.stderr);
        assert!(!rig.cache().join("out").exists());
    };
    check("missing.txt", None, 5, "missing.txt");
    check("empty.txt", Some(b""), 2, "no text");
    check("one.txt", Some(b"the fox\n"), 2, "are held out");
    check("bytes.txt", Some(b"the fox\n\xff\xfe\n"), 5, "UTF-8");
    check("bad.jsonl", Some(b"{\"text\": \"the fox\"}\n{\"text\": 3}\n"), 5, "line 2");
    fs::create_dir_all(rig.cache().join("full/of")).unwrap();
    fs::write(rig.cache().join("good.txt"), texts()).unwrap();
    let began = Instant::now();
    let outcome = fit(&rig, &model, ("good.txt", "cache", "full")).run();
    assert!(outcome.code == Some(2) && outcome.stderr.contains("not an empty folder"), "{}", outcome.stderr);
    assert!(began.elapsed() < Duration::from_secs(10), "it is known before anything is computed");
}
