//! `doctor`: what works, what does not, why, and what to do; whatever is missing, it comes to its end.

use std::{fs, process::Command, time::Duration};

use drivetrain_tests::{Outcome, Program, skip};
use serde_json::Value;

use crate::cli::{Workplace, workplace::copy_tree};

const INSTALL: &str = "drivetrain runtimes install onnxruntime";

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|err| panic!("{err}: {}{}", outcome.stdout, outcome.stderr))
}

fn engine<'r>(report: &'r Value, id: &str) -> &'r Value {
    let engines = report["engines"].as_array().expect("engines");
    engines.iter().find(|engine| engine["id"] == id).unwrap_or_else(|| panic!("no `{id}` in {report:#}"))
}

/// What the report says is wrong with something.
fn troubles(report: &Value, about: &str) -> String {
    let troubles = report["troubles"].as_array().expect("troubles").iter();
    troubles.filter(|trouble| trouble["about"] == about).map(Value::to_string).collect()
}

#[test]
fn what_works_is_told_with_where_it_is() {
    let Some(place) = Workplace::new() else { return };
    let text = place.run(&["doctor"]).succeeded();
    assert_eq!(text.stderr, "", "{}", text.stderr);
    for part in ["onnxruntime  ok       1.28.0; cpu (f32", "static       ok", "1.28.0, needed is 1.17.0 or newer"] {
        assert!(text.stdout.contains(part), "`{part}` is not in: {}", text.stdout);
    }
    assert!(text.stdout.contains("\nready to embed with "), "{}", text.stdout);
    let report = json(&place.run(&["doctor", "--json"]).succeeded());
    assert_eq!(report["can_embed"], true);
    assert!(report["hardware"]["processors"].as_u64() > Some(0));
    let onnxruntime = engine(&report, "onnxruntime");
    assert_eq!((&onnxruntime["state"], &onnxruntime["probe"]["engine_version"]), (&"ok".into(), &"1.28.0".into()));
    assert!(onnxruntime["natives"][0]["path"].as_str().is_some_and(|path| path.contains("/1.28.0/")));
    let together: Vec<&str> =
        report["together"]["engines"].as_array().expect("engines").iter().filter_map(Value::as_str).collect();
    assert!(together.contains(&"onnxruntime") && together.contains(&"static"), "{together:?}");
    assert_eq!(report["together"]["failure"], Value::Null);
    assert_eq!(report["together"]["conflicts"].as_array().map(Vec::len), Some(0));
    if cfg!(target_os = "linux") {
        let images = report["together"]["images"].to_string();
        assert!(images.contains("libonnxruntime.so.1.28.0"), "{images}");
    }
}

#[test]
fn what_is_not_installed_is_told_with_the_command() {
    let Some(place) = Workplace::new() else { return };
    let empty = |args: &[&str]| place.program(args).env("DRIVETRAIN_HOME", place.path("home")).run().succeeded();
    let text = empty(&["doctor"]).stdout;
    assert!(text.contains("onnxruntime  –") && text.contains(&format!("run `{INSTALL}`")), "{text}");
    let report = json(&empty(&["doctor", "--json"]));
    assert_eq!(engine(&report, "onnxruntime")["state"], "missing");
    assert_eq!((&engine(&report, "static")["state"], &report["can_embed"]), (&"ok".into(), &true.into()));
    assert!(report["troubles"].as_array().is_some_and(Vec::is_empty), "{report:#}");
    assert_eq!(place.files(), [""; 0], "looking creates nothing");
}

#[test]
fn without_a_home_or_anything_else_it_comes_to_its_end() {
    let Some(place) = Workplace::new() else { return };
    let bare = Program::new(&place.rig.program()).current_dir(&place.path("")).inside(&["env", "-i"]);
    let outcome = bare.args(["doctor", "--json"]).run();
    // Where there is no home folder in the list of users either, nothing can be embedded, and that is what it says.
    assert!(matches!(outcome.code, Some(0 | 4)), "{}", outcome.stderr);
    json(&outcome);

    for home in ["/dev/null", "/proc/self/mem", "/nonexistent/\u{1}", "."] {
        let outcome = place.program(&["doctor", "--json"]).env("DRIVETRAIN_HOME", home).run().succeeded();
        assert_eq!(engine(&json(&outcome), "static")["state"], "ok", "{home}");
    }
    place.program(&["doctor"]).env("PATH", "").env("TMPDIR", "/nonexistent").run().succeeded();
}

#[test]
fn a_profile_that_cannot_be_read_is_told_and_the_rest_is_looked_at() {
    let Some(place) = Workplace::new() else { return };
    place.write("p.toml", "threads = = 2");
    for (args, part) in [
        (["doctor", "--json", "-c", "p.toml"], "p.toml"),
        (["doctor", "--json", "-c", "none.toml"], "none.toml"),
        (["doctor", "--json", "--set", "modell=x"], "did you mean `model`?"),
    ] {
        let outcome = place.run(&args);
        assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
        let report = json(&outcome);
        assert!(troubles(&report, "the profile").contains(part), "{report:#}");
        assert_eq!((&engine(&report, "static")["state"], &report["can_embed"]), (&"ok".into(), &false.into()));
    }
}

#[test]
fn plugins_that_are_not_used_are_told_with_the_reason() {
    let Some(place) = Workplace::new() else { return };
    copy_tree(&place.rig.plugins().join("static"), &place.path("plugins/static"));
    place.write("plugins/strange/plugin.toml", "manifest = 99");
    let program = |args: &[&str]| place.program(args).env("DRIVETRAIN_PLUGIN_PATH", place.path("plugins")).run();
    let report = json(&program(&["doctor", "--json"]).succeeded());
    let states: Vec<String> = report["plugins"]
        .as_array()
        .expect("plugins")
        .iter()
        .map(|plugin| ["id", "state", "origin"].map(|key| plugin[key].as_str().unwrap_or("?")).join(" "))
        .collect();
    for state in ["static usable environment", "static shadowed linked", "strange refused environment"] {
        assert!(states.iter().any(|found| found == state), "{state}: {states:?}");
    }
    let about = place.path("plugins/strange").display().to_string();
    assert!(!troubles(&report, &about).is_empty(), "{report:#}");
    let text = program(&["doctor"]).succeeded().stdout;
    assert!(text.contains("strange refused: ") && text.contains("static shadowed: linked"), "{text}");
}

/// A shared library whose initialiser does this, under a name and with a version that will do.
pub(super) fn library(place: &Workplace, initialiser: &str) -> Option<String> {
    let source = format!(
        "#include <stdio.h>\n#include <unistd.h>\n#include <stdlib.h>\n\
         __attribute__((constructor)) static void begin(void) {{ {initialiser} }}\n"
    );
    let (source, target) = (place.write("begin.c", source), place.path("libonnxruntime.so.1.28.0"));
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&target).arg(&source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        skip("needs a C compiler, `cc`");
        return None;
    }
    place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {target:?}\n"));
    Some(target.display().to_string())
}

fn check_survived(initialiser: &str, expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    let Some(path) = library(&place, initialiser) else { return };
    let outcome = place.run(&["doctor", "--json", "-c", "p.toml", "--timeout-secs", "2"]).succeeded();
    assert!(outcome.took < Duration::from_secs(30), "{:?}", outcome.took);
    let report = json(&outcome);
    let onnxruntime = engine(&report, "onnxruntime");
    assert_eq!((&onnxruntime["state"], &onnxruntime["natives"][0]["path"]), (&"trouble".into(), &path.as_str().into()));
    let troubles = troubles(&report, "onnxruntime");
    for part in expected {
        assert!(troubles.contains(part), "`{part}` is not in: {troubles}");
    }
    assert_eq!(engine(&report, "static")["state"], "ok");
    let text = place.run(&["doctor", "-c", "p.toml", "--timeout-secs", "1"]).succeeded().stdout;
    assert!(text.contains("onnxruntime  trouble  see below") && text.contains("what is wrong"), "{text}");
}

#[test]
fn libraries_that_crash_or_hang_are_told_and_survived() {
    let mend = format!("run `{INSTALL} --force`");
    check_survived("abort();", &["signal: 6", &mend]);
    check_survived("*(volatile int *)0 = 1;", &["signal: 11", &mend]);
    check_survived("fputs(\"no licence\\n\", stderr); _exit(3);", &["exit status: 3", "no licence", &mend]);
    check_survived("for (;;) sleep(1);", &["no answer within 2 s", &mend]);
    check_survived("puts(\"{\\\"what\\\":\\\"opened\\\"}\"); fflush(stdout);", &["is not ONNX Runtime"]);
}

#[test]
fn libraries_that_will_not_do_are_told_before_they_are_loaded() {
    let Some(place) = Workplace::new() else { return };
    for (contents, why) in [(&b"a text"[..], "it is a text file"), (b"", "it is empty"), (b"\x7fELF", "cut short")] {
        let path = place.write("libonnxruntime.so", contents);
        place.write("p.toml", format!("[backends.onnxruntime]\nlibrary = {path:?}\n"));
        let report = json(&place.run(&["doctor", "--json", "-c", "p.toml"]).succeeded());
        assert_eq!(engine(&report, "onnxruntime")["state"], "trouble");
        let troubles = troubles(&report, "onnxruntime");
        assert!(troubles.contains(why) && troubles.contains(INSTALL), "{troubles}");
    }
    copy_tree(&place.rig.home().join("runtimes/onnxruntime"), &place.path("home/runtimes/onnxruntime"));
    for version in ["1.28.0", "1.31.1"] {
        let folder = place.path("home/runtimes/onnxruntime").join(version).join("lib");
        let library = folder.read_dir().expect("libraries").flatten().map(|file| file.path());
        library.for_each(|file| fs::write(file, "half of it").expect("a file"));
    }
    let program = place.program(&["doctor", "--json"]).env("DRIVETRAIN_HOME", place.path("home"));
    let report = json(&program.run().succeeded());
    assert_eq!(report["runtimes"]["broken"].as_array().map(Vec::len), Some(2));
    assert!(report["troubles"].to_string().contains("another size"), "{report:#}");
}

#[test]
fn variables_that_change_engines_are_told() {
    let Some(place) = Workplace::new() else { return };
    let program = place.program(&["doctor"]).env("OMP_NUM_THREADS", "3").env("ORT_DISABLE_TELEMETRY", "0");
    let text = program.run().succeeded().stdout;
    assert!(text.contains("OMP_NUM_THREADS=3  ") && text.contains("ORT_DISABLE_TELEMETRY=0  "), "{text}");
}
