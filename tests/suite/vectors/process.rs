//! What engines do to the process they live in: threads, memory, signals.

use std::{fs, num::NonZeroUsize};

use drivetrain::contract::Session;
use drivetrain_tests::{Fixture, Rig, fixtures_dir, texts};

use crate::vectors::{Wanted, copy_model, engine};

#[test]
fn memory_is_reported_after_loading_and_after_a_run() {
    let Some(rig) = Rig::new() else { return };
    let mut engine = engine(&rig, &rig.minilm(), Wanted::default()).unwrap();
    let loaded = memory(engine.session_and_package().0);
    // 22.7 million parameters of four bytes.
    assert!(loaded >= 60_000_000, "{loaded}");
    engine.embed(&texts(&fixtures_dir().join("texts.json"))).unwrap();
    assert!(memory(engine.session_and_package().0) >= loaded);
}

fn memory(session: &dyn Session) -> u64 {
    let used = session.memory().unwrap();
    used.host_private + used.host_mapped + used.device
}

/// The budget counts the calling thread, so a session of n threads starts n − 1.
#[test]
#[cfg(target_os = "linux")]
fn sessions_keep_to_their_threads() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    for threads in [1, 3] {
        let profile = format!("threads = {threads}");
        let mut engine = engine(&rig, &model, Wanted { profile: &profile, ..Wanted::default() }).unwrap();
        assert_eq!(engine.session_and_package().0.describe().threads, threads);
        assert_eq!(engine.running().threads, NonZeroUsize::new(threads).unwrap().get());
    }
}

/// What a backend must leave alone: the dispositions of signals.
#[test]
#[cfg(target_os = "linux")]
fn engines_leave_signal_handlers_alone() {
    let Some(rig) = Rig::new() else { return };
    let before = caught_signals();
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    engine(&rig, &model, Wanted::default()).unwrap().embed(&["a"]).unwrap();
    assert_eq!(caught_signals(), before);
}

#[cfg(target_os = "linux")]
fn caught_signals() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("SigCgt")).unwrap().to_owned()
}
