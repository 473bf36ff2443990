//! Profiles: what applies, where it came from, what is wrong with it.

use crate::cli::Workplace;

fn check_refused(profile: &str, expected: &[&str]) {
    let Some(place) = Workplace::new() else { return };
    place.write("p.toml", profile);
    for command in [&["config", "show", "-c", "p.toml"][..], &["embed", "x", "-c", "p.toml"]] {
        let outcome = place.run(command);
        outcome.failed(2, expected);
        assert_eq!(outcome.stdout, "", "{command:?}");
    }
}

#[test]
fn every_value_is_shown_with_its_origin() {
    let Some(place) = Workplace::new() else { return };
    place.write("p.toml", "# mine\nthreads = 2\nprecision = \"f32\"\n\n[backends.onnxruntime]\nmemory_arena = false\n");
    let shown = place.run(&["config", "show", "-c", "p.toml", "--threads", "3", "-m", "x"]).succeeded().stdout;
    let line = |start: &str| {
        let line = shown.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {shown}"));
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("backend ="), "backend = \"auto\" # default");
    assert_eq!(line("precision ="), "precision = \"f32\" # p.toml:3");
    assert_eq!(line("memory_arena ="), "memory_arena = false # p.toml:6");
    assert_eq!(line("threads ="), "threads = 3 # --threads");
    assert_eq!(line("model ="), "model = \"x\" # --model");
}

#[test]
fn what_is_shown_is_a_profile_itself() {
    let Some(place) = Workplace::new() else { return };
    let shown = place.run(&["config", "show", "--threads", "1"]).succeeded().stdout;
    place.write("p.toml", &shown);
    let again = place.run(&["config", "show", "-c", "p.toml"]).succeeded().stdout;
    assert!(again.contains("# p.toml:1") && !again.contains("# default"), "{again}");
    place.run(&["embed", "x", "-c", "p.toml"]).succeeded();
}

#[test]
fn unknown_keys_name_the_nearest_and_the_line() {
    check_refused("\nmodell = \"x\"\n", &["p.toml:2", "unknown setting `modell`", "did you mean `model`?"]);
    check_refused("[backend.static]\nx = 1\n", &["p.toml:2", "`backend.static.x`", "backends"]);
    check_refused("zzz = 1", &["p.toml:1", "`zzz`", "the settings are model, backend"]);
}

#[test]
fn wrong_values_name_key_and_line() {
    check_refused("\n\nthreads = \"many\"", &["p.toml:3", "`threads`", "\"many\""]);
    check_refused("model = 1", &["p.toml:1", "`model`", "must be text"]);
    check_refused("precision = \"fp32\"", &["p.toml:1", "`fp32`", "one of f32, bf16, f16, int8"]);
    check_refused("plugins = [\"relative\"]", &["p.toml:1", "`plugins`", "absolute"]);
    check_refused("backends = 1", &["p.toml:1", "`backends` must be a table"]);
}

#[test]
fn broken_files_name_the_place() {
    check_refused("threads = 2\nmodel = = 3", &["`p.toml`:2:9"]);
    check_refused(&"[".repeat(100_000), &["p.toml"]);
    check_refused(&" ".repeat(2 << 20), &["p.toml", "too long for a profile"]);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let Some(place) = Workplace::new() else { return };
    place.write("latin.toml", b"model = \"\xe9\"");
    let commands = [
        &["embed", "x"][..],
        &["config", "show"],
        &["plugins", "list"],
        &["convert", "builtin", "--to", "static", "-o", "out"],
    ];
    for command in commands {
        place.run(&[command, &["-c", "none.toml"]].concat()).failed(2, &["cannot read profile `none.toml`"]);
        place.run(&[command, &["-c", "latin.toml"]].concat()).failed(2, &["`latin.toml` is not UTF-8"]);
        place.run(&[command, &["-c", "."]].concat()).failed(2, &["`.`"]);
    }
    assert_eq!(place.files(), ["latin.toml"]);
}

#[test]
fn a_backends_own_table_is_checked_by_the_backend() {
    let Some(place) = Workplace::new() else { return };
    place.write("p.toml", "[backends.static]\nthreds = 1\n");
    place.run(&["embed", "x", "-c", "p.toml"]).failed(2, &["threds"]);
    place.write("p.toml", "[backends.onnxruntime]\ngraph_optimisation = \"all\"\n");
    let model = place.fixture("bert-mean", "model");
    let model = model.to_str().expect("a path");
    place.run(&["embed", "x", "-m", model, "-c", "p.toml"]).failed(2, &["graph_optimisation", "graph_optimization"]);
    place.write("p.toml", "[backends.onnxruntime]\ngraph_optimization = \"most\"\n");
    place.run(&["embed", "x", "-m", model, "-c", "p.toml"]).failed(2, &["graph_optimization", "most"]);
}
