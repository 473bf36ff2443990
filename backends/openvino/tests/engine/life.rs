//! What a process has more after sessions have come and gone: nothing. And what threads compute: their budget.
#![cfg(target_os = "linux")]

use std::{
    fs,
    time::{Duration, Instant},
};

use drivetrain_contract::{Backend, NoCall, Output, Session};
use drivetrain_openvino::OpenVino;

use crate::{
    alone::alone,
    fixtures::{Fixture, embed},
    rig::{backend, matrix_graph, model, options, run},
};

/// Threads, open files and anonymous memory in bytes of this process.
fn counts() -> (usize, usize, u64) {
    // A thread that was joined is seen for a moment longer.
    std::thread::sleep(Duration::from_millis(200));
    let entries = |folder: &str| fs::read_dir(folder).unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    (entries("/proc/self/task"), entries("/proc/self/fd"), kilobytes * 1024)
}

#[test]
fn a_hundred_sessions_leave_nothing_behind() {
    let Some(_) = backend() else { return };
    alone("life::a_hundred_sessions_leave_nothing_behind", || {
        let backend = backend().unwrap();
        let fixture = Fixture::named("bert-mean");
        let once = || {
            let mut session = fixture.session(&backend, &options(2, ""));
            embed(&mut *session, &[&fixture.token_ids[0]]);
        };
        (0..20).for_each(|_| once());
        let before = counts();
        (0..100).for_each(|_| once());
        let after = counts();
        assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} → {after:?}");
        assert!(after.2 <= before.2 + (8 << 20), "{before:?} → {after:?}");
    });
}

#[test]
fn a_hundred_threads_that_run_a_session_leave_nothing_behind() {
    let Some(_) = backend() else { return };
    alone("life::a_hundred_threads_that_run_a_session_leave_nothing_behind", || {
        let backend = backend().unwrap();
        let fixture = Fixture::named("bert-mean");
        let mut session = fixture.session(&backend, &options(2, ""));
        let mut once = || {
            std::thread::scope(|scope| {
                scope.spawn(|| embed(&mut *session, &[&fixture.token_ids[0]]));
            });
        };
        (0..20).for_each(|_| once());
        let before = counts();
        (0..100).for_each(|_| once());
        let after = counts();
        assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} → {after:?}");
        assert!(after.2 <= before.2 + (8 << 20), "{before:?} → {after:?}");
    });
}

/// Seconds that each thread of this process has computed, and all together.
fn computed() -> (Vec<(String, f64)>, f64) {
    let seconds = |stat: &str| {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // Fields 14 and 15 of proc(5), in ticks of 10 ms.
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    };
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let of_task = |entry: fs::DirEntry| {
        Some((entry.file_name().into_string().ok()?, seconds(&fs::read_to_string(entry.path().join("stat")).ok()?)))
    };
    (tasks.filter_map(of_task).collect(), seconds(&fs::read_to_string("/proc/self/stat").unwrap()))
}

/// Processors used and threads that computed while a session with so many threads was kept busy.
fn use_of(backend: &OpenVino, threads: usize) -> (f64, usize) {
    let mut session: Box<dyn Session> =
        backend.create_session(&model(matrix_graph(20)), &options(threads, ""), &NoCall).unwrap();
    let mut busy = |duration: Duration| {
        let started = Instant::now();
        while started.elapsed() < duration {
            run(&mut *session, &[0; 2048], 4, Output::LastHiddenState, &NoCall).unwrap();
        }
        started.elapsed().as_secs_f64()
    };
    busy(Duration::from_millis(200));
    let (threads_before, all_before) = computed();
    let wall = busy(Duration::from_secs(2));
    let (threads_after, all_after) = computed();
    let earlier = |id: &str| threads_before.iter().find(|(other, _)| other == id).map_or(0.0, |(_, seconds)| *seconds);
    let worked = threads_after.iter().filter(|(id, seconds)| seconds - earlier(id) > 0.1 * wall).count();
    ((all_after - all_before) / wall, worked)
}

#[test]
fn threads_are_kept_to_their_budget() {
    let Some(_) = backend() else { return };
    alone("life::threads_are_kept_to_their_budget", || {
        let backend = backend().unwrap();
        for threads in [1, 2] {
            let (processors, worked) = use_of(&backend, threads);
            assert!(processors <= threads as f64 * 1.1 + 0.1, "{threads} threads used {processors} processors");
            assert!(worked <= threads, "{worked} threads computed instead of {threads}");
        }
    });
}
