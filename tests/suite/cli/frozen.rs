//! `embed --frozen`: what a lock says, or nothing.

use std::fs;

use drivetrain_tests::{Outcome, Program};

use crate::cli::Workplace;

/// A place with a little model and its lock.
fn locked(model: &str, args: &[&str]) -> Option<Workplace> {
    let place = Workplace::new()?;
    place.fixture(model, "m");
    program(&place, &[&["plan", "-m", "./m", "--lock"], args].concat()).run().succeeded();
    Some(place)
}

fn program(place: &Workplace, args: &[&str]) -> Program {
    place.program(args).env("DRIVETRAIN_CACHE", place.path("cache"))
}

fn embed(place: &Workplace, args: &[&str]) -> Outcome {
    program(place, &[&["embed", "one text", "and another", "-m", "./m"], args].concat()).run()
}

#[track_caller]
fn check_refused(place: &Workplace, args: &[&str], expected: &[&str]) {
    let outcome = embed(place, args);
    outcome.failed(2, expected);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn what_is_locked_runs() {
    let Some(place) = locked("static-wordpiece", &["--threads", "2", "--sessions", "1"]) else { return };
    let lock = place.read("drivetrain.lock");
    let free = embed(&place, &[]).succeeded();
    let frozen = embed(&place, &["--frozen", "-v"]).succeeded();
    assert_eq!(frozen.stdout, free.stdout);
    let said = "as `drivetrain.lock` says: static on cpu in f32 from model.safetensors (sessions 1, threads 2)";
    assert!(frozen.stderr.contains(said), "{}", frozen.stderr);
    fs::rename(place.path("drivetrain.lock"), place.path("other.lock")).expect("another name");
    assert_eq!(embed(&place, &["--frozen", "--lock", "other.lock"]).succeeded().stdout, free.stdout);
    place.write("drivetrain.toml", "[plan]\nfrozen = true\n");
    assert_eq!(embed(&place, &["--lock", "other.lock"]).succeeded().stdout, free.stdout);
    embed(&place, &[]).failed(3, &["there is no `drivetrain.lock`", "hint: `drivetrain plan --lock` writes one"]);
    assert_eq!(place.read("other.lock"), lock, "it is never written");
}

#[test]
fn a_graph_runs_in_the_engine_that_is_locked() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "m");
    program(&place, &["convert", "./m", "--to", "onnx", "--no-check"]).run().succeeded();
    program(&place, &["plan", "-m", "./m", "--lock", "--backend", "onnxruntime"]).run().succeeded();
    let frozen = embed(&place, &["--frozen", "-v"]).succeeded();
    assert!(frozen.stderr.contains("says: onnxruntime on cpu in f32 from onnx/model.onnx ("), "{}", frozen.stderr);
    // What is there besides does not matter, however much planning would like it.
    let more = ["-c", "more.toml"];
    place.write("more.toml", "[backends.onnxruntime]\ngraph_optimization = \"basic\"\n");
    let setting = "engine.settings.graph_optimization: nothing → \"basic\"";
    check_refused(&place, &[&more[..], &["--frozen"]].concat(), &["not as `drivetrain.lock` says", setting]);
    fs::remove_file(place.path("m/onnx/model.onnx")).expect("a graph");
    check_refused(&place, &["--frozen"], &["model.files.onnx/model.onnx: ", " bytes → nothing"]);
}

#[test]
fn models_are_made_from_others_without_a_lock() {
    let Some(place) = Workplace::new() else { return };
    place.fixture("bert-mean", "m");
    place.write("drivetrain.toml", "[plan]\nfrozen = true\n");
    embed(&place, &[]).failed(3, &["there is no `drivetrain.lock`"]);
    program(&place, &["convert", "./m", "--to", "static", "--dims", "8", "-o", "table"]).run().succeeded();
    program(&place, &["plan", "-m", "./table", "--lock"]).run().succeeded();
    program(&place, &["embed", "one text", "-m", "./table"]).run().succeeded();
}

#[test]
fn what_is_not_as_it_was_is_refused_by_name() {
    let Some(place) = locked("static-wordpiece", &[]) else { return };
    let (lock, tokenizer) = (place.read("drivetrain.lock"), place.read("m/tokenizer.json"));
    place.write("m/tokenizer.json", tokenizer.clone() + "\n");
    let renew = "hint: if that is meant, `drivetrain plan --lock drivetrain.lock` with this model and these settings \
                 renews it; else run without `--frozen`";
    check_refused(&place, &["--frozen"], &["not as `drivetrain.lock` says: model.files.tokenizer.json: ", renew]);
    embed(&place, &[]).succeeded();
    place.write("m/tokenizer.json", tokenizer);
    embed(&place, &["--frozen"]).succeeded();
    place.write("m/special_tokens_map.json", "{}");
    check_refused(&place, &["--frozen"], &["model.files.special_tokens_map.json: nothing → 2 bytes"]);
    fs::remove_file(place.path("m/special_tokens_map.json")).expect("a file");

    let changed = |from: &str, to: &str, expected: &[&str]| {
        let line = lock.lines().find(|line| line.starts_with(from)).unwrap_or_else(|| panic!("no `{from}` in {lock}"));
        place.write("drivetrain.lock", lock.replacen(line, to, 1));
        check_refused(&place, &["--frozen"], expected);
    };
    changed("cpu_model = ", "cpu_model = \"another\"", &["machine.cpu_model: another → "]);
    changed("cores = ", "cores = 4096", &["machine.cores: 4096 → "]);
    changed("isa = ", "isa = [\"sse99\"]", &["machine.isa: sse99 → "]);
    changed("plugin = ", "plugin = \"0.0.0\"", &["engine.plugin: 0.0.0 → "]);
    changed("version = 1", "version = 2", &["`drivetrain.lock` is of version 2, this program reads version 1"]);
    changed("threads = ", "threads = \"2\"", &["`drivetrain.lock`:", ": invalid type: string"]);
    let huge = u64::MAX >> 1;
    // Made on a machine with more memory, for a plan that needs it.
    place.write("drivetrain.lock", lock.replace("\nmemory_bytes = ", &format!("\nmemory_bytes = {huge} # ")));
    check_refused(&place, &["--frozen"], &["machine.memory: "]);
}

#[test]
fn a_lock_and_flags_must_not_contradict_each_other() {
    let Some(place) = locked("static-wordpiece", &["--threads", "1"]) else { return };
    embed(&place, &["--frozen", "--threads", "1", "--backend", "static"]).succeeded();
    let both = "`threads` is `2` (--threads), and `1` in `drivetrain.lock`";
    check_refused(&place, &["--frozen", "--threads", "2"], &[both, "hint: "]);
    check_refused(&place, &["--frozen", "--precision", "bf16"], &["`precision` is `bf16` (--precision), and `f32` in"]);
    let tokens = "`pipeline.batch_tokens` is `100` (--batch-tokens), and `auto` in";
    check_refused(&place, &["--frozen", "--batch-tokens", "100"], &[tokens]);
    let denied = "static on cpu in `drivetrain.lock`: `limits.deny_devices` names it";
    check_refused(&place, &["--frozen", "--set", "limits.deny_devices=[\"cpu\"]"], &[denied]);
    let builtin = place.program(&["embed", "one text", "--frozen", "-m", "builtin"]).run();
    assert!(builtin.stderr.contains("is of the model `m`, and this is `builtin`"), "{}", builtin.stderr);
    check_refused(&place, &["--lock", "drivetrain.lock"], &["nothing says to go by it", "hint: add `--frozen`"]);
}
