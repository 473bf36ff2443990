//! What engines do to the process they live in: threads, memory, signals.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use drivetrain::Engine;
use drivetrain_tests::{Fixture, Program, Rig, fixtures_dir, texts};

use crate::{
    backends::child,
    vectors::{Wanted, copy_model, engine},
};

#[test]
fn memory_is_reported_after_loading_and_after_a_run() {
    let Some(rig) = Rig::new() else { return };
    // What is counted is the process's, and other tests give memory back meanwhile.
    child::run("memory", &[], rig.cache());
}

pub(crate) fn memory_of_a_model(_backends: &[&str], _folder: &Path) {
    let Some(rig) = Rig::new() else { return };
    let engine = engine(&rig, &rig.minilm(), Wanted::default()).unwrap();
    let loaded = memory(&engine);
    // 22.7 million parameters of four bytes, less what the system counted before.
    assert!(loaded >= 60_000_000, "{loaded}");
    engine.embed(&texts(&fixtures_dir().join("texts.json"))).unwrap();
    assert!(memory(&engine) >= loaded);
}

fn memory(engine: &Engine) -> u64 {
    let used = engine.memory().unwrap();
    used.host_private + used.host_mapped + used.device
}

/// What a backend must leave alone: the dispositions of signals.
#[test]
#[cfg(target_os = "linux")]
fn engines_leave_signal_handlers_alone() {
    let caught_signals = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        status.lines().find(|line| line.starts_with("SigCgt")).unwrap().to_owned()
    };
    let Some(rig) = Rig::new() else { return };
    let before = caught_signals();
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    engine(&rig, &model, Wanted::default()).unwrap().embed(&["a"]).unwrap();
    assert_eq!(caught_signals(), before);
}

/// With one thread, one thread does everything. With more, there is a session of one thread for each.
#[test]
#[cfg(target_os = "linux")]
fn the_thread_budget_is_kept() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    let input = rig.cache().join("texts.txt");
    let lines: String = (0..20_000).map(|idx| format!("text {idx} of a few words, again and again\n")).collect();
    fs::write(&input, lines).unwrap();
    for budget in [1, 3] {
        let mut child = Command::new(rig.program())
            .args(["embed", "-q", "-o", "/dev/null", "--format", "jsonl", "--threads", &budget.to_string(), "-m"])
            .arg(&model)
            .arg("-i")
            .arg(&input)
            .env("DRIVETRAIN_HOME", rig.home())
            .env("DRIVETRAIN_CACHE", rig.cache())
            .spawn()
            .unwrap();
        let tasks = format!("/proc/{}/task", child.id());
        let (mut most, mut lanes) = (0, 0);
        while child.try_wait().unwrap().is_none() {
            let names = computing(&tasks);
            most = most.max(names.len());
            lanes = lanes.max(names.iter().filter(|name| *name == "drivetrain-lane").count());
            thread::sleep(Duration::from_millis(2));
        }
        assert!(child.wait().unwrap().success());
        if budget == 1 {
            assert_eq!((most, lanes), (1, 0));
        } else {
            assert_eq!(lanes, budget);
        }
    }
}

/// Names of the threads of a process that have used the processor for a clock tick at least. (One that has just begun
/// still has its parent's name, but has used none.)
#[cfg(target_os = "linux")]
fn computing(tasks: &str) -> Vec<String> {
    let name = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        // Behind the name in parentheses: state is field 3, user time field 14 and system time field 15.
        let (name, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let computes = fields.get(11..13)?.iter().any(|ticks| *ticks != "0");
        computes.then(|| name.split_once('(').map(|(_, name)| name.to_owned()))?
    };
    fs::read_dir(tasks).map_or_else(|_| Vec::new(), |tasks| tasks.flatten().filter_map(name).collect())
}

/// Both write the same file; whoever is last wins, and nobody reads half of it.
#[test]
fn two_processes_may_convert_at_once() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    let outputs: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| Program::drivetrain(&rig).args(["embed", "x", "-m"]).args([&model]).run()))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap().succeeded().stdout).collect()
    });
    assert!(outputs.iter().all(|output| *output == outputs[0]), "{outputs:?}");
    let files: Vec<String> = model
        .join("onnx")
        .read_dir()
        .unwrap()
        .flatten()
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, ["model.onnx"]);
}
