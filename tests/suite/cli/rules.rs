//! `drivetrain rules`.

use std::fs;

use drivetrain_tests::{Program, Rig};
use tempfile::TempDir;

#[test]
fn rules_are_listed_shown_and_checked() {
    let Some(rig) = Rig::new() else { return };
    let run = |args: &[&str]| Program::drivetrain(&rig).args(args).run();
    let listed = run(&["rules", "list"]).succeeded().stdout;
    assert_eq!(listed.lines().count(), 2);
    for line in listed.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(run(&["rules", "show", name]).succeeded().stdout.contains("  embed → hardware\n"));
    }
    run(&["rules", "show", "sentence-transformers-v7"]).failed(2, &["hint: did you mean `sentence-transformers-v"]);

    let folder = TempDir::new().expect("a folder");
    let own = folder.path().join("own.toml");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/rules/sentence-transformers-v5.toml");
    let text = fs::read_to_string(shipped).expect("rules");
    fs::write(&own, &text).expect("a file");
    let own_name = own.to_str().expect("UTF-8");
    let checked = run(&["rules", "check", own_name]).succeeded().stdout;
    assert!(checked.ends_with("is sound: rules for embed, rerank, sparse\n"), "{checked}");
    fs::write(&own, text.replace("yes = \"length\"", "yes = \"lenght\"")).expect("a file");
    let line = 1 + text.lines().position(|line| line == "yes = \"length\"").expect("it is there");
    run(&["rules", "check", own_name]).failed(2, &[&format!("own.toml`:{line}:7: "), "hint: did you mean `length`?"]);
}
