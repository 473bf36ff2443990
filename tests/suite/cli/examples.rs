//! Every example in `--help` and in the documents works, and prints what they say.

use std::{fs, os::unix::fs::symlink, path::Path};

use drivetrain_tests::{Program, fixtures_dir};

use crate::cli::Workplace;

/// A folder with everything the examples speak of.
fn workplace() -> Option<Workplace> {
    let place = Workplace::new()?;
    for name in ["texts.txt", "queries.txt"] {
        place.write(name, "one\ntwo\n");
    }
    place.write("docs.jsonl", "{\"body\": \"one\"}\n");
    let number = |idx| format!("{{\"text\": \"the river and the stone of number {idx}\"}}\n");
    place.write("my-texts.jsonl", (0..64).map(number).collect::<String>());
    for folder in ["home/models/all-MiniLM-L6-v2", "all-MiniLM-L6-v2", "my-model", "one", "other"] {
        place.fixture("bert-mean", folder);
    }
    symlink(place.rig.home().join("runtimes"), place.path("home/runtimes")).expect("a link");
    for folder in [".local/share/bash-completion/completions", ".config/fish/completions", ".config/elvish", "zsh"] {
        fs::create_dir_all(place.path(folder)).expect("a folder");
    }
    shell(
        &place,
        "drivetrain embed one two -o f16.npy; drivetrain embed one two -o i8.npy; drivetrain config show > my.toml",
    );
    Some(place)
}

/// Runs a line as a shell does, where `drivetrain` is on the path, and gives its standard output.
fn shell(place: &Workplace, line: &str) -> String {
    let products = place.rig.program().parent().expect("a folder").display().to_string();
    // The little model has fewer dimensions than the one the examples mean.
    let line = line.replace("--dims 256", "--dims 8");
    let script = format!("fpath=(none zsh); PROFILE=profile; {line}");
    let shell = Program::new(Path::new("/bin/bash")).args(["-ec", &script]).current_dir(&place.path(""));
    let shell = shell.env("HOME", place.path("")).env("DRIVETRAIN_HOME", place.path("home"));
    let shell = shell.env("DRIVETRAIN_CACHE", place.rig.cache()).env("PATH", format!("{products}:/usr/bin:/bin"));
    shell.run().succeeded().stdout
}

/// The lines below `Example:` or `Examples:` of a command's help.
fn in_help(place: &Workplace, command: &[&str]) -> Vec<String> {
    let help = place.run(&[command, &["--help"]].concat()).succeeded().stdout;
    let lines = help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

fn document(name: &str) -> String {
    let path = fixtures_dir().join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|err| panic!("`{}`: {err}", path.display()))
}

/// What is fenced as `language` in a document.
fn fenced(document: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    document.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).map(str::to_owned).collect()
}

#[test]
fn examples_in_help_work() {
    let Some(place) = workplace() else { return };
    let mut n_run = 0;
    for command in [&["embed"][..], &["compare"], &["convert"], &["config", "show"], &["completions"]] {
        for example in in_help(&place, command) {
            shell(&place, &example);
            n_run += 1;
        }
    }
    assert!(n_run >= 16, "only {n_run} examples were found");
    let made =
        ["vectors.npy", "vectors.jsonl", "my-model/onnx/model.onnx", "minilm-static/model.safetensors", "my.toml"];
    made.iter().for_each(|name| assert!(place.path(name).is_file(), "{name}"));
}

#[test]
fn commands_in_documents_work() {
    let Some(place) = workplace() else { return };
    let mut n_run = 0;
    for name in ["README.md", "docs/user-guide.md", "docs/profiles.md"] {
        for block in fenced(&document(name), "console") {
            let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
            for command in commands.filter(|line| line.contains("drivetrain ") && !line.contains("runtimes install")) {
                shell(&place, command);
                n_run += 1;
            }
        }
    }
    assert!(n_run >= 7, "only {n_run} commands were found");
}

#[test]
fn the_readme_shows_what_the_first_command_prints() {
    let Some(place) = Workplace::new() else { return };
    let printed = place.run(&["embed", "a text becomes a vector", "--format", "preview"]).succeeded().stdout;
    assert!(document("README.md").contains(&printed), "{printed}");
}

#[test]
fn profiles_in_documents_are_valid() {
    let Some(place) = Workplace::new() else { return };
    let mut n_read = 0;
    for name in ["README.md", "docs/profiles.md", "docs/runtimes.md"] {
        for profile in fenced(&document(name), "toml") {
            place.write("p.toml", &profile);
            place.run(&["config", "show", "-c", "p.toml"]).succeeded();
            n_read += 1;
        }
    }
    assert!(n_read >= 3, "only {n_read} profiles were found");
}
