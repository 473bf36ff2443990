//! A cloned repository cannot make the program load code, and no file makes it wait.

use std::{process::Command, time::Duration};

use crate::cli_profiles::Desk;

#[test]
fn a_projects_profile_cannot_load_code() {
    let Some(desk) = Desk::new() else { return };
    let path = desk.path("home/project/drivetrain.toml");
    let named = path.display().to_string();
    let library = "[backends.onnxruntime]\nlibrary = \"/evil.so\"";
    desk.write("home/project/base.toml", library);
    for (text, key) in [
        ("plugins = [\"/evil\"]", "plugins"),
        (library, "backends.onnxruntime.library"),
        ("[query.backends.onnxruntime]\nlibrary = \"/evil.so\"", "query.backends.onnxruntime.library"),
        ("inherits = \"base.toml\"", "backends.onnxruntime.library"),
    ] {
        desk.write("home/project/drivetrain.toml", text);
        for command in [&["embed", "x"][..], &["plugins", "list"], &["config", "show"]] {
            let hint = format!("if you trust it, add `-c {named}`, else `--no-config`");
            desk.run(command).failed(2, &[&format!("`{key}` must not be set by a project's profile"), &hint]);
            desk.run(&[command, &["--no-config"]].concat()).succeeded();
        }
        desk.run(&["config", "show", "-c", "../drivetrain.toml"]).succeeded();
    }
}

#[test]
fn nothing_waits_for_a_pipe_nobody_named() {
    let Some(desk) = Desk::new() else { return };
    let pipe = |name: &str| {
        let path = desk.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
    };
    pipe("home/project/deep/drivetrain.toml");
    desk.run(&["config", "show"]).succeeded();
    pipe("home/project/pipe.toml");
    desk.write("home/project/drivetrain.toml", "inherits = \"pipe.toml\"");
    let outcome = desk.run(&["config", "show"]);
    outcome.failed(2, &["cannot inherit `pipe.toml`", "is no file"]);
    assert!(outcome.took < Duration::from_secs(30));
    pipe("home/config/profile.toml");
    desk.run(&["config", "show"]).failed(2, &["is no file"]);
}

#[test]
fn a_pipe_that_is_named_is_read() {
    let Some(desk) = Desk::new() else { return };
    let shell = ["bash", "-c", "\"$@\" -c <(echo 'threads = 7')", "bash"];
    let shown = desk.program(&["config", "show"]).inside(&shell).run().succeeded().stdout;
    assert!(shown.contains("threads = 7"), "{shown}");
    desk.run(&["config", "show", "-c", "/dev/zero"]).failed(2, &["too long for a profile"]);
}
