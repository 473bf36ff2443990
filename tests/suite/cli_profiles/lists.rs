//! `config paths` and `config schema`.

use std::fs;

use drivetrain_tests::fixtures_dir;
use serde_json::Value;

use crate::cli_profiles::Desk;

#[test]
fn paths_say_which_files_are_there() {
    let Some(desk) = Desk::new() else { return };
    // What is wrong in a file must not keep anybody from finding it.
    let user = desk.write("home/config/profile.toml", "nonsense");
    let listed = |program: drivetrain_tests::Program| -> Vec<Vec<String>> {
        let listed = program.run().succeeded().stdout;
        listed.lines().map(|line| line.split("  ").map(|word| word.trim().to_owned()).collect()).collect()
    };
    let words = |line: &[String]| -> Vec<String> { line.iter().filter(|word| !word.is_empty()).cloned().collect() };
    let lines = listed(desk.program(&["config", "paths"]));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(words(&lines[0])[0], "system");
    assert_eq!(words(&lines[1]).join("|"), format!("user|read|{}", user.display()));
    let project = desk.path("home/project/deep/drivetrain.toml");
    assert_eq!(words(&lines[2]).join("|"), format!("project|not there|{}", project.display()));
    let project = desk.write("home/project/drivetrain.toml", "");
    let lines = listed(desk.program(&["config", "paths"]));
    assert_eq!(words(&lines[2]).join("|"), format!("project|read|{}", project.display()));
}

#[test]
fn the_users_folder_is_the_platforms_where_no_other_is_named() {
    let Some(desk) = Desk::new() else { return };
    let paths = desk.program(&["config", "paths"]).env("DRIVETRAIN_CONFIG_HOME", "").run().succeeded().stdout;
    let user = paths.lines().find(|line| line.starts_with("user")).expect("a line");
    assert!(user.contains(&desk.path("home").display().to_string()), "{user}");
    assert!(user.ends_with("drivetrain/profile.toml"), "{user}");
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let Some(desk) = Desk::new() else { return };
    let printed: Value = serde_json::from_str(&desk.run(&["config", "schema"]).succeeded().stdout).expect("JSON");
    let file = fs::read(fixtures_dir().join("../../configs/profile.schema.json")).expect("the schema");
    assert_eq!(printed, serde_json::from_slice::<Value>(&file).expect("JSON"));
}
