//! Sessions come and go: nothing of them stays.

use std::{fs, num::NonZeroUsize, path::Path, thread, time::Duration};

use drivetrain::{
    Profile,
    contract::{Backend, NoCall, SessionOptions},
    open_package,
    plugin_host::{OpenOptions, Origin, Registry, SearchPath},
};
use drivetrain_tests::{Fixture, Rig};

use crate::{
    backends::{Settings, available::available, child, open, run},
    vectors::copy_model,
};

/// Sessions before anything is counted: engines and the allocator fill their pools.
const WARM_UP: usize = 20;
/// Sessions that are counted.
const SESSIONS: usize = 100;
/// Bytes that a hundred sessions may leave behind, which is less than what one of them holds.
const MOST_GROWTH: u64 = 6 << 20;

#[test]
fn a_hundred_sessions_leave_nothing_behind() {
    let Some(rig) = Rig::new() else { return };
    for backend in available() {
        let fixture = if backend.runs_transformers() { "bert-mean" } else { "static-wordpiece" };
        let model = copy_model(&rig, &Fixture::open(fixture).dir);
        // Converts the model, where the backend needs that.
        open(&rig, &model, &Settings::of(&backend.id)).expect("an engine");
        child::run("life", &[&backend.id], &model);
    }
}

/// What a process holds.
#[derive(Debug)]
struct Holdings {
    anonymous_bytes: u64,
    threads: usize,
    files: usize,
}

impl Holdings {
    fn now() -> Self {
        // The system takes a moment to clear away a thread that has ended.
        thread::sleep(Duration::from_millis(200));
        let status = fs::read_to_string("/proc/self/status").expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line for memory");
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
        let count = |folder: &str| fs::read_dir(folder).expect("a folder of the process").count();
        Self { anonymous_bytes: kilobytes * 1024, threads: count("/proc/self/task"), files: count("/proc/self/fd") }
    }
}

/// In a process of its own: creates and drops sessions of a plugin, then opens the plugin again and again.
pub(super) fn life(backends: &[&str], model: &Path) {
    let rig = Rig::new().expect("a rig");
    let mut search = SearchPath::default();
    search.push(Origin::Explicit, rig.plugins());
    let registry = Registry::discover(&search);
    let model = open_package(model.to_str().expect("a path"), &rig.locations()).expect("a package").model();
    let options = SessionOptions::new("cpu", NonZeroUsize::new(2).expect("not 0"));
    for id in backends {
        let entry = registry.get(id).expect("a plugin");
        assert_eq!(entry.origin, Origin::Explicit);
        let config = Profile::build(&[]).expect("a profile").backend_config(id);
        let open = || {
            let options = OpenOptions { config: config.clone(), data_dir: rig.home().to_path_buf() };
            entry.open(options).expect("a backend")
        };
        let backend = open();
        let live = |backend: &dyn Backend, count: usize| {
            for _ in 0..count {
                let mut session = backend.create_session(&model, &options, &NoCall).expect("a session");
                run(&mut *session, 4, 16).expect("a run");
            }
        };
        live(&backend, WARM_UP);
        let before = Holdings::now();
        live(&backend, SESSIONS);
        check(id, "sessions", &before, &Holdings::now());
        drop(backend);
        live(&open(), 1);
        let before = Holdings::now();
        (0..SESSIONS / 10).for_each(|_| live(&open(), 1));
        check(id, "backends", &before, &Holdings::now());
    }
}

fn check(backend: &str, what: &str, before: &Holdings, after: &Holdings) {
    let grown = after.anonymous_bytes.saturating_sub(before.anonymous_bytes);
    let said = format!("`{backend}`, {what}: {before:?} became {after:?}");
    assert!(grown <= MOST_GROWTH && after.threads <= before.threads && after.files <= before.files, "{said}");
}
