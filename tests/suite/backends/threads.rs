//! Threads of engines: no more than they are given, at rest when there is nothing to do, and on any processor.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use drivetrain_tests::{Fixture, Rig};

use crate::{
    backends::{Settings, available::transformers, child, open, run},
    vectors::copy_model,
};

/// Clock ticks of the processor in a second, as Linux reports them on every machine.
const TICKS: f64 = 100.0;

/// Seconds of processor time of each thread of this process so far.
fn times() -> BTreeMap<String, f64> {
    let time = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        // Behind the name in parentheses: state is field 3, user time field 14 and system time field 15.
        let (_, fields) = stat.rsplit_once(')')?;
        let ticks: Vec<f64> =
            fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Some((task.file_name().to_string_lossy().into_owned(), ticks.iter().sum::<f64>() / TICKS))
    };
    fs::read_dir("/proc/self/task").expect("threads are listed").flatten().filter_map(time).collect()
}

/// What each thread has computed meanwhile, in seconds.
fn spent(before: &BTreeMap<String, f64>) -> Vec<f64> {
    times().iter().map(|(task, time)| time - before.get(task).unwrap_or(&0.0)).collect()
}

/// Fails if a thread of this process spins, or is tied to some of the processors.
pub(super) fn check_at_rest() {
    let allowed = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(|list| list.trim().to_owned())
    };
    let tasks = fs::read_dir("/proc/self/task").expect("threads are listed");
    let mut processors: Vec<String> = tasks.flatten().filter_map(allowed).collect();
    processors.dedup();
    assert_eq!(processors.len(), 1, "some threads are tied to processors: {processors:?}");

    let (before, wait) = (times(), Duration::from_millis(400));
    thread::sleep(wait);
    let idle: f64 = spent(&before).iter().sum();
    assert!(idle <= 0.2 * wait.as_secs_f64(), "{idle} s were computed by nobody's wish");
}

#[test]
fn engines_keep_to_their_threads() {
    let Some(rig) = Rig::new() else { return };
    let model = copy_model(&rig, &Fixture::open("bert-mean").dir);
    for backend in transformers() {
        child::run("threads", &[backend], &model);
    }
}

/// In a process of its own: counts the threads that compute while a session is run.
pub(super) fn threads(backends: &[&str], model: &Path) {
    let rig = Rig::new().expect("a rig");
    for backend in backends {
        for budget in [1, 2] {
            let engine = open(&rig, model, &Settings { threads: budget, ..Settings::of(backend) }).expect("an engine");
            let work = Duration::from_millis(800);
            let (busy, wall) = engine
                .with_session(|session| {
                    run(session, 16, 64)?;
                    let (before, started) = (times(), Instant::now());
                    while started.elapsed() < work {
                        run(session, 16, 64)?;
                    }
                    Ok((spent(&before), started.elapsed().as_secs_f64()))
                })
                .expect("runs");
            let computing = busy.iter().filter(|&&seconds| seconds > 0.15 * wall).count();
            let processors = busy.iter().sum::<f64>() / wall;
            assert!(computing <= budget, "`{backend}` with {budget} threads: {computing} compute: {busy:?}");
            assert!(processors <= budget as f64 + 0.2, "`{backend}` with {budget} threads: {processors} are in use");
            drop(engine);
        }
    }
    check_at_rest();
}
