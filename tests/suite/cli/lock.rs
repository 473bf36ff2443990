//! `plan --lock` and `plan --diff`: a plan in a file, and what is not as the file says.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use drivetrain_tests::{Outcome, fixtures_dir};
use serde_json::Value;

use crate::cli::{Workplace, workplace::files_below};

fn plan(place: &Workplace, args: &[&str]) -> Outcome {
    let args = [&["plan"], args].concat();
    place.program(&args).env("DRIVETRAIN_CACHE", place.path("cache")).run()
}

/// What differs, line by line; the exit code says whether it matters.
fn diff(place: &Workplace, args: &[&str], code: i32) -> Vec<String> {
    let outcome = plan(place, &[&["--diff"], args].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(code), ""), "{}", outcome.stdout);
    outcome.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_plan_is_locked_and_compared() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("static-wordpiece", "m");
    let outcome = plan(&place, &["-m", "./m", "--lock"]).succeeded();
    assert_eq!(outcome.stderr, "wrote `drivetrain.lock`\n");
    assert!(outcome.stdout.starts_with("m: static on cpu in f32, "), "{}", outcome.stdout);
    let text = place.read("drivetrain.lock");
    for part in ["version = 1\n", "\nbackend = \"static\"\n", "\n\"model.safetensors\" = { bytes = ", "\nisa = ["] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    plan(&place, &["-m", "./m", "--lock", "again.lock", "--json", "-q"]).succeeded();
    assert_eq!(place.read("again.lock"), text, "nothing in it depends on when it is written");
    assert_eq!(diff(&place, &["drivetrain.lock", "again.lock"], 0), [""; 0]);

    let printed = plan(&place, &["-m", "./m", "--json"]).succeeded().stdout;
    place.write("plan.json", &printed);
    assert_eq!(diff(&place, &["drivetrain.lock", "plan.json"], 0), [""; 0]);
    let printed = plan(&place, &["-m", "./m", "--json", "--threads", "7", "--sessions", "3"]).succeeded().stdout;
    place.write("other.json", &printed);
    let found = diff(&place, &["plan.json", "other.json"], 8);
    assert!(found.iter().any(|line| line.starts_with("plan.threads: ") && line.ends_with(" → 7")), "{found:?}");
    let outcome = plan(&place, &["--diff", "plan.json", "other.json", "--json"]);
    let found: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let threads = found.as_array().expect("a list").iter().find(|one| one["name"] == "plan.threads");
    assert_eq!(threads.expect("the threads")["now"], "7");
    assert_eq!(outcome.code, Some(8));
}

#[test]
fn a_changed_file_is_named() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("static-wordpiece", "m");
    plan(&place, &["-m", "./m", "--lock", "before.lock"]).succeeded();
    let (tokenizer, text) = (model.join("tokenizer.json"), place.read("m/tokenizer.json"));
    fs::write(&tokenizer, text.clone() + "\n").expect("a file");
    fs::write(model.join("README.md"), "nothing depends on it").expect("a file");
    plan(&place, &["-m", "./m", "--lock", "longer.lock"]).succeeded();
    let (bytes, more) = (text.len(), text.len() + 1);
    let expected = format!("model.files.tokenizer.json: {bytes} bytes → {more} bytes");
    assert_eq!(diff(&place, &["before.lock", "longer.lock"], 8), [expected]);
    fs::write(&tokenizer, text.replacen('\n', " ", 1)).expect("a file");
    plan(&place, &["-m", "./m", "--lock", "other.lock"]).succeeded();
    let found = diff(&place, &["before.lock", "other.lock"], 8);
    assert!(found.len() == 1 && found[0].starts_with("model.files.tokenizer.json: sha256 "), "{found:?}");
}

#[test]
fn a_lock_of_another_machine_differs_by_name() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("static-wordpiece", "m");
    plan(&place, &["-m", "./m", "--lock"]).succeeded();
    let own = place.read("drivetrain.lock");
    let other: Value = {
        let path = fixtures_dir().join("hardware/intel-laptop.json");
        serde_json::from_slice(&fs::read(path).expect("a machine")).expect("JSON")
    };
    let value = |key: &str| other["cpu"][key]["value"].as_str().expect("text").to_owned();
    let lines = own.lines().map(|line| match line.split(" = ").next() {
        Some(key @ ("cpu_vendor" | "cpu_model" | "cpu_id")) => format!("{key} = \"{}\"\n", value(&key["cpu_".len()..])),
        Some("cores") => "cores = 99\n".to_owned(),
        Some("isa") => "isa = [\"sse99\"]\n".to_owned(),
        _ => format!("{line}\n"),
    });
    place.write("other.lock", lines.collect::<String>());
    let found = diff(&place, &["drivetrain.lock", "other.lock"], 8);
    for name in ["machine.cores", "machine.cpu_id", "machine.cpu_model", "machine.isa"] {
        assert!(found.iter().any(|line| line.starts_with(&format!("{name}: "))), "no `{name}` in {found:?}");
    }
    assert!(found.iter().all(|line| line.starts_with("machine.")), "{found:?}");
}

#[test]
fn what_cannot_be_locked_or_compared_says_why() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("static-wordpiece", "m");
    place.minilm("transformer");
    let refused = |args: &[&str], code: i32, expected: &[&str]| plan(&place, args).failed(code, expected);
    refused(&["-m", "./m", "--lock", "none/drivetrain.lock"], 6, &["cannot write `none/drivetrain.lock`"]);
    let to_make = ["-m", "./transformer", "--backend", "onnxruntime", "--lock"];
    refused(&to_make, 3, &["is not there to be locked", "`drivetrain convert MODEL --to onnx"]);
    assert!(!place.path("drivetrain.lock").exists());
    place.write("newer.lock", "version = 2\n");
    place.write("broken.lock", "version = 1\n[plan]\nthreads = \"2\"\n");
    place.write("bytes.lock", b"version = 1 # \xff");
    refused(&["--diff", "newer.lock", "newer.lock"], 5, &["`newer.lock` is of version 2", "hint: "]);
    refused(&["--diff", "broken.lock", "newer.lock"], 5, &["`broken.lock`:"]);
    refused(&["--diff", "bytes.lock", "newer.lock"], 5, &["`bytes.lock`:1:15: not UTF-8"]);
    refused(&["--diff", "none.lock", "newer.lock"], 5, &["there is no `none.lock`"]);
    let outcome = plan(&place, &["--diff", "newer.lock"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
}

#[test]
fn hashes_are_remembered() {
    let Some(place) = Workplace::new() else { return };
    let model = place.fixture("static-wordpiece", "m");
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for path in files_below(&model) {
        let file = File::options().write(true).open(model.join(path)).expect("a file");
        file.set_modified(an_hour_ago).expect("another time");
    }
    let lock = || {
        let outcome = plan(&place, &["-m", "./m", "--lock"]).succeeded();
        (place.read("drivetrain.lock"), outcome.stderr)
    };
    let (first, _) = lock();
    let hash = first.split("\"tokenizer.json\" = ").nth(1).and_then(|rest| rest.split('"').nth(1)).expect("a hash");
    let remembered = place.read("cache/file-hashes.json");
    // What is remembered is believed: so nothing was read again.
    place.write("cache/file-hashes.json", remembered.replace(hash, &"0".repeat(64)));
    assert_eq!(lock().0, first.replace(hash, &"0".repeat(64)));
    for broken in ["", "{", "{\"version\":99,\"records\":[]}"] {
        place.write("cache/file-hashes.json", broken);
        let (text, said) = lock();
        assert!(said.contains("; files are hashed again"), "{said}");
        assert_eq!((text, place.read("cache/file-hashes.json")), (first.clone(), remembered.clone()));
    }
}
