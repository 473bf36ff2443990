//! Which layer wins, and what is wrong in one.

use std::process::Command;

use drivetrain_tests::skip;
use serde_json::{Value, json};

use crate::cli_profiles::Desk;

/// Where a setting came from, in one word and the file's name.
fn origin(setting: &Value) -> String {
    let origin = &setting["origin"];
    let name = ["path", "name"].map(|key| origin[key].as_str().unwrap_or_default()).concat();
    let name = name.rsplit('/').next().unwrap_or_default();
    format!("{} {name}", origin["kind"].as_str().unwrap_or_default())
}

#[test]
fn every_layer_overrules_those_before_it() {
    let Some(desk) = Desk::new() else { return };
    let user = "inherits = \"latency\"\nmodel = \"user\"\nbackend = \"user\"\ndevice = \"user\"\nprecision = \"f16\"";
    desk.write("home/config/profile.toml", user);
    desk.write("home/project/drivetrain.toml", "backend = \"project\"\ndevice = \"project\"\npipeline.window = 2");
    desk.write("home/project/deep/one.toml", "precision = \"bf16\"\nthreads = 4\n[pipeline]\nbatch_tokens = 4");
    desk.write("home/project/deep/two.toml", "threads = 5\n[pipeline]\nbatch_tokens = 5\ntokenizer_threads = 5");
    let args = ["config", "show", "-c", "one.toml", "-c", "two.toml"];
    let set = ["--set", "pipeline.batch_tokens=6", "--set", "pipeline.tokenizer_threads=auto", "--batch-tokens", "8"];
    let program = desk.program(&[&args[..], &set].concat());
    let program = program.env("DRIVETRAIN_DEVICE", "variable").env("DRIVETRAIN_PIPELINE__WINDOW", "3");
    let shown = desk.resolved(program.env("DRIVETRAIN_PRECISION", "f32"));
    let pipeline = &shown["pipeline"];
    let settings = [
        (&shown["plugins"], json!([]), "default "),
        (&pipeline["max_batch"], json!(1), "shipped latency"),
        (&shown["model"], json!("user"), "file profile.toml"),
        (&shown["backend"], json!("project"), "file drivetrain.toml"),
        (&shown["device"], json!("variable"), "variable DRIVETRAIN_DEVICE"),
        (&pipeline["window"], json!(3), "variable DRIVETRAIN_PIPELINE__WINDOW"),
        (&shown["precision"], json!("bf16"), "file one.toml"),
        (&shown["threads"], json!(5), "file two.toml"),
        (&pipeline["tokenizer_threads"], json!("auto"), "set "),
        (&pipeline["batch_tokens"], json!(8), "flag --batch-tokens"),
    ];
    for (setting, value, from) in settings {
        assert_eq!((&setting["value"], origin(setting).as_str()), (&value, from), "{shown:#}");
    }
}

#[test]
fn the_systems_profile_is_the_weakest() {
    let Some(desk) = Desk::new() else { return };
    if !Command::new("unshare").args(["-m", "true"]).output().is_ok_and(|tried| tried.status.success()) {
        return skip("`unshare -m` is not allowed: the system's folder cannot be replaced");
    }
    desk.write("home/config/profile.toml", "threads = 2");
    let script = "mount -t tmpfs none /etc && mkdir /etc/drivetrain && \
                  printf 'threads = 1\\nmodel = \"system\"\\n' > /etc/drivetrain/profile.toml && exec \"$@\"";
    let shown =
        desk.program(&["config", "show"]).inside(&["unshare", "-m", "sh", "-c", script, "sh"]).run().succeeded();
    assert!(shown.stdout.contains("# /etc/drivetrain/profile.toml:2"), "{}", shown.stdout);
    assert!(shown.stdout.contains("threads = 2  "), "{}", shown.stdout);
}

#[test]
fn without_config_only_the_command_line_counts() {
    let Some(desk) = Desk::new() else { return };
    desk.write("home/config/profile.toml", "nonsense");
    desk.write("home/project/drivetrain.toml", "model = \"project\"");
    desk.write("home/project/deep/one.toml", "backend = \"one\"");
    let program = desk.program(&["config", "show", "--no-config", "-c", "one.toml"]).env("DRIVETRAIN_THREADS", "3");
    let shown = desk.resolved(program);
    assert_eq!(
        [&shown["model"], &shown["threads"], &shown["backend"]].map(origin),
        ["default ", "default ", "file one.toml"]
    );
}

#[test]
fn models_are_relative_to_the_file_that_names_them() {
    let Some(desk) = Desk::new() else { return };
    desk.write("home/project/drivetrain.toml", "model = \"./none\"");
    let model = desk.path("home/project/./none").display().to_string();
    desk.run(&["embed", "x"]).failed(3, &[&format!("no model `{model}`")]);
}

#[test]
fn files_of_texts_are_relative_to_the_file_that_names_them() {
    let Some(desk) = Desk::new() else { return };
    desk.write("home/project/drivetrain.toml", "plan.rules = \"./rules.toml\"\nworkload.sample = \"texts.txt\"");
    let program = desk.program(&["config", "show", "--set", "accuracy.pairs=sts.tsv"]);
    let shown = desk.resolved(program);
    let path = |name: &str| json!(desk.path("home/project").join(name));
    assert_eq!(shown["workload"]["sample"]["value"], path("texts.txt"));
    assert_eq!(shown["plan"]["rules"]["value"], path("./rules.toml"));
    assert_eq!(shown["accuracy"]["pairs"]["value"], "sts.tsv");
}

#[test]
fn sides_have_their_own_and_a_flag_counts_for_both() {
    let Some(desk) = Desk::new() else { return };
    let sides =
        "inherits = \"index-and-query\"\nthreads = 3\n[document]\nthreads = 2\n[document.pipeline]\nsessions = 2";
    desk.write("home/project/drivetrain.toml", sides);
    let shown = desk.resolved(desk.program(&["config", "show"]).env("DRIVETRAIN_QUERY__THREADS", "1"));
    assert_eq!(origin(&shown["query"]["workload"]["goal"]), "shipped index-and-query");
    assert_eq!(origin(&shown["query"]["threads"]), "variable DRIVETRAIN_QUERY__THREADS");
    assert_eq!(origin(&shown["document"]["pipeline"]["sessions"]), "file drivetrain.toml");
    assert_eq!(shown["document"]["threads"]["value"], 2);
    assert_eq!(shown["document"]["model"], json!(null), "it is inherited");
    let shown = desk.run(&["config", "show", "--threads", "4"]).succeeded().stdout;
    assert_eq!(shown.matches("threads = 4").count(), 1, "{shown}");
    assert!(!shown.contains("threads = 2"), "{shown}");
    let check = |set: &str, expected: &[&str]| desk.run(&["embed", "x", "--set", set]).failed(2, expected);
    check("query.model=x", &["--set: `query.model` cannot be one side's own", "set `model`, which counts for both"]);
    check("document.thread=1", &["did you mean `document.threads`?"]);
}

#[test]
fn variables_are_checked() {
    let Some(desk) = Desk::new() else { return };
    let check = |name: &str, value: &str, expected: &[&str]| {
        desk.program(&["embed", "x"]).env(name, value).run().failed(2, expected);
    };
    check("DRIVETRAIN_THREADS", "many", &["`DRIVETRAIN_THREADS`: must be `auto` or a number from 1 to 4096"]);
    check("DRIVETRAIN_PIPELINE__WINDOW", "0", &["`DRIVETRAIN_PIPELINE__WINDOW`: must be"]);
    check("DRIVETRAIN_INHERITS", "latncy", &["DRIVETRAIN_INHERITS: cannot inherit", "did you mean `latency`?"]);
    let unknown = |args: &[&str]| desk.program(args).env("DRIVETRAIN_MODLE", "x").run().succeeded().stderr;
    let warning = unknown(&["embed", "x"]);
    assert!(warning.contains("`DRIVETRAIN_MODLE` (hint: did you mean `DRIVETRAIN_MODEL`?)"), "{warning}");
    assert_eq!(unknown(&["embed", "x", "-q"]), "");
    assert_eq!(unknown(&["embed", "x", "--no-config"]), "");
}

#[test]
fn settings_on_the_command_line_are_checked() {
    let Some(desk) = Desk::new() else { return };
    let check = |set: &str, expected: &[&str]| desk.run(&["embed", "x", "--set", set]).failed(2, expected);
    check("threads", &["--set: `threads` is no setting", "write KEY=VALUE"]);
    check("modle=x", &["--set: unknown setting `modle`", "did you mean `model`?"]);
    check("window=3", &["did you mean `pipeline.window`?"]);
    check("threads=0", &["--set: `threads`: must be"]);
    check("plugins=[", &["is not TOML"]);
    check("pipeline=3", &["`pipeline` must be a table"]);
    check("inherits=./x.toml", &["only files inherit files"]);
    check("plan.tune_seconds=0", &["--set: `plan.tune_seconds`: must be a number of seconds above 0"]);
    check("accuracy.min_cosine=2", &["--set: `accuracy.min_cosine`: must be `auto` or a number from 0 to 1"]);
    check("plan.tune=yes", &["`plan.tune`: must be `auto`, `always` or `never`"]);
    desk.run(&["embed", "x", "--sessions", "0"]).failed(2, &["`--sessions`: must be"]);
    desk.run(&["embed", "x", "--batch-tokens", "1000001"]).failed(2, &["`--batch-tokens`: must be"]);
}

#[test]
fn profiles_that_inherit_each_other_are_refused() {
    let Some(desk) = Desk::new() else { return };
    desk.write("home/project/deep/a.toml", "inherits = \"../b.toml\"");
    desk.write("home/project/b.toml", "\ninherits = \"deep/a.toml\"");
    let chain = "`a.toml` → `../b.toml` → `../deep/a.toml`";
    desk.run(&["embed", "x", "-c", "a.toml"]).failed(2, &["../b.toml:2: profiles inherit each other", chain]);
    desk.write("home/project/b.toml", "inherits = \"none.toml\"");
    let missing = ["../b.toml:1: cannot inherit `none.toml`", "cause: cannot read profile `../none.toml`"];
    desk.run(&["embed", "x", "-c", "a.toml"]).failed(2, &missing);
}

#[test]
fn shipped_profiles_run() {
    let Some(desk) = Desk::new() else { return };
    let reference = desk.run(&["embed", "x", "y"]).succeeded().stdout;
    for name in ["cpu-small", "edge", "gpu", "index-and-query", "latency", "throughput"] {
        let inherits = format!("inherits={name}");
        // What `gpu` does depends on the machine.
        if name != "gpu" {
            let outcome = desk.run(&["embed", "x", "y", "--set", &inherits]).succeeded();
            assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (reference.as_str(), ""), "{name}");
        }
        // A backend refuses to open with settings it does not know.
        let listed = desk.run(&["plugins", "list", "--set", &inherits]).succeeded().stdout;
        let engine = listed.lines().find(|line| line.starts_with("onnxruntime")).unwrap_or_default();
        assert!(engine.contains("usable"), "{name}: {listed}");
    }
}
