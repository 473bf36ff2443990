//! `probe`: the machine with its sources; engines that crash or hang are refused, and not opened twice for it.

use std::{fs, process::Command};

use drivetrain_tests::{Outcome, skip};
use serde_json::Value;

use crate::cli::{Workplace, doctor};

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|err| panic!("{err}: {}{}", outcome.stdout, outcome.stderr))
}

fn plugin<'r>(report: &'r Value, id: &str) -> &'r Value {
    let plugins = report["plugins"].as_array().expect("plugins");
    plugins.iter().find(|plugin| plugin["id"] == id).unwrap_or_else(|| panic!("no `{id}` in {report:#}"))
}

/// A place with a cache of its own, and what the command says there.
fn probe(place: &Workplace, args: &[&str]) -> Outcome {
    let args = [&["probe"], args].concat();
    place.program(&args).env("DRIVETRAIN_CACHE", place.path("cache")).run().succeeded()
}

#[test]
fn the_machine_is_told_with_sources() {
    let Some(place) = Workplace::new() else { return };
    let outcome = probe(&place, &[]);
    assert_eq!(outcome.stderr, "");
    for part in ["platform ", "usable ", " processors", "static "] {
        assert!(outcome.stdout.contains(part), "`{part}` is not in: {}", outcome.stdout);
    }
    let report = json(&probe(&place, &["--json"]));
    let hardware = &report["hardware"];
    assert_eq!(hardware["version"], 1);
    if cfg!(target_os = "linux") {
        assert_eq!(hardware["memory"]["total"]["source"], "/proc/meminfo");
        assert!(hardware["cpu"]["isa"]["value"].is_array(), "{hardware:#}");
    }
    assert_eq!(plugin(&report, "static")["outcome"]["state"], "works");
}

#[test]
fn what_became_of_a_plugin_is_remembered() {
    let Some(place) = Workplace::new() else { return };
    let is_remembered = |args: &[&str]| plugin(&json(&probe(&place, args)), "onnxruntime")["is_remembered"].clone();
    assert_eq!(is_remembered(&["--json"]), false);
    assert_eq!(is_remembered(&["--json"]), true);
    assert_eq!(is_remembered(&["--json", "--set", "backends.onnxruntime.graph_optimization=\"basic\""]), false);
    assert_eq!(is_remembered(&["--json"]), true);
    assert_eq!(is_remembered(&["--json", "--refresh"]), false);

    let records = place.path("cache/plugin-probes.json");
    for broken in ["", "{", "{\"version\": 99, \"records\": []}", "[1]"] {
        fs::write(&records, broken).expect("a file");
        let outcome = probe(&place, &["--json"]);
        assert!(outcome.stderr.contains("plugins are asked again"), "{}", outcome.stderr);
        assert_eq!(plugin(&json(&outcome), "onnxruntime")["is_remembered"], false);
        assert_eq!(is_remembered(&["--json"]), true);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_said_and_no_error() {
    let Some(place) = Workplace::new() else { return };
    place.write("cache", "a file");
    let outcome = probe(&place, &["--json"]);
    assert!(outcome.stderr.contains("will be asked again the next time"), "{}", outcome.stderr);
    assert_eq!(plugin(&json(&outcome), "static")["outcome"]["state"], "works");
}

/// A library that answers as NVIDIA's driver does: with one card, or that it is not loaded.
const DRIVER: &str = r#"
#include <stdio.h>
#include <string.h>
typedef unsigned long long bytes;
struct memory { unsigned version; bytes total, reserved, free, used; };
struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char address[32]; };
int nvmlInit_v2(void) { return STATUS; }
int nvmlShutdown(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) { return snprintf(text, n, "570.133.20") < 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12080; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned idx, void **device) { *device = device; return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned n) { return snprintf(text, n, "NVIDIA L4") < 0; }
int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory *m) { m->total = 4096; m->free = 1024; return 0; }
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { *major = 8; *minor = 9; return 0; }
int nvmlDeviceGetPciInfo_v3(void *device, struct pci *pci) { strcpy(pci->address, "00000000:3B:00.0"); return 0; }
"#;

/// What is told of cards where the driver begins with this status.
fn with_driver(status: &str) -> Option<Value> {
    let place = Workplace::new()?;
    let (source, library) = (place.write("driver.c", DRIVER), place.path("libnvidia-ml.so.1"));
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", &format!("-DSTATUS={status}"), "-o"]).arg(&library).arg(&source);
    if !compile.status().is_ok_and(|status| status.success()) {
        skip("needs a C compiler, `cc`");
        return None;
    }
    let program = place.program(&["probe", "--json"]).env("DRIVETRAIN_CACHE", place.path("cache"));
    let report = json(&program.env("LD_LIBRARY_PATH", place.path("")).run().succeeded());
    Some(report["hardware"].clone())
}

#[test]
fn cards_are_told_by_their_driver() {
    if !cfg!(target_os = "linux") {
        return skip("the driver's library has another name here");
    }
    let Some(hardware) = with_driver("0") else { return };
    let card = serde_json::json!({
        "kind": "gpu", "vendor": "nvidia", "name": "NVIDIA L4", "uuid": null, "address": "0000:3b:00.0",
        "memory_total": 4096, "memory_free": 1024, "compute_capability": { "major": 8, "minor": 9 },
        "driver": "570.133.20", "cuda": "12.8",
    });
    assert_eq!(hardware["gpus"], serde_json::json!([{ "value": card, "source": "NVML" }]));
    let Some(hardware) = with_driver("9") else { return };
    assert_eq!(hardware["gpus"], serde_json::json!([]));
    assert!(hardware["notes"][0].as_str().is_some_and(|note| note.contains("not loaded")), "{hardware:#}");
}

fn check_refused(initialiser: &str, expected: &str) {
    let Some(place) = Workplace::new() else { return };
    if doctor::library(&place, initialiser).is_none() {
        return;
    }
    let args = ["--json", "-c", "p.toml", "--timeout-secs", "2"];
    for is_remembered in [false, true] {
        let report = json(&probe(&place, &args));
        let engine = plugin(&report, "onnxruntime");
        assert_eq!((&engine["outcome"]["state"], &engine["is_remembered"]), (&"refused".into(), &is_remembered.into()));
        let why = engine["outcome"]["why"].as_str().expect("a reason");
        assert!(why.contains(expected), "`{expected}` is not in: {why}");
        assert_eq!(plugin(&report, "static")["outcome"]["state"], "works");
    }
    // Another file in its place is another question.
    doctor::library(&place, "_exit(7);");
    let report = json(&probe(&place, &args));
    assert_eq!(plugin(&report, "onnxruntime")["is_remembered"], false);
}

#[test]
fn engines_that_crash_or_hang_are_refused_and_remembered() {
    check_refused("abort();", "signal: 6");
    check_refused("for (;;) sleep(1);", "no answer within 2 s");
}
