//! `--help` that teaches, completions that shells can read.

use std::process::Command;

use crate::cli::Workplace;

/// Every command there is.
const COMMANDS: [&[&str]; 14] = [
    &["embed"],
    &["compare"],
    &["convert"],
    &["plugins"],
    &["plugins", "list"],
    &["runtimes"],
    &["runtimes", "install"],
    &["runtimes", "list"],
    &["runtimes", "remove"],
    &["config"],
    &["config", "show"],
    &["doctor"],
    &["probe"],
    &["completions"],
];

#[test]
fn every_command_explains_itself() {
    let Some(place) = Workplace::new() else { return };
    for command in COMMANDS {
        let help = place.run(&[command, &["--help"]].concat()).succeeded();
        assert!(help.stdout.contains("Usage: drivetrain "), "{command:?}: {}", help.stdout);
        assert_eq!(help.stderr, "");
    }
    let help = place.run(&["--help"]).succeeded().stdout;
    for text in ["130  interrupted", "DRIVETRAIN_HOME", "DRIVETRAIN_CACHE", "DRIVETRAIN_PLUGIN_PATH"] {
        assert!(help.contains(text), "`{text}` is not in: {help}");
    }
    assert!(place.run(&["--version"]).succeeded().stdout.starts_with("drivetrain "));
}

#[test]
fn what_is_not_a_command_is_a_usage_error() {
    let Some(place) = Workplace::new() else { return };
    for args in [&["embd"][..], &["embed", "--modell", "x"], &["plugins", "lst"], &["convert", "x", "--to", "tensorrt"]]
    {
        place.run(args).failed(2, &["--help"]);
    }
    assert_eq!(place.run(&[]).code, Some(2));
}

fn check_completions(shell: &str, mentions: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    let script = place.run(&["completions", shell]).succeeded().stdout;
    for text in [&["drivetrain", "embed", "truncate-dim"], mentions].concat() {
        assert!(script.contains(text), "{shell}: no `{text}`");
    }
    let path = place.write("script", &script);
    match Command::new(shell).arg("-n").arg(&path).output() {
        Ok(checked) if matches!(shell, "bash" | "zsh" | "fish") => {
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
        _ => {}
    }
}

#[test]
fn completions_are_made_for_every_shell() {
    check_completions("bash", &["complete -F"]);
    check_completions("zsh", &["#compdef drivetrain"]);
    check_completions("fish", &["complete -c drivetrain"]);
    check_completions("powershell", &["Register-ArgumentCompleter"]);
    check_completions("elvish", &["edit:completion"]);
    let Some(place) = Workplace::new() else { return };
    place.run(&["completions", "cmd"]).failed(2, &["possible values"]);
}
