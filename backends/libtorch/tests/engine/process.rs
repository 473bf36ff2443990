//! What sessions do to the process they live in: threads, memory, open files. Each in a process of its own, where
//! nothing else happens.

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use drivetrain_contract::{Backend, ErrorKind, NoCall, Output, Precision, Session};
use drivetrain_package::Package;

use crate::{
    backend,
    fixture::{Fixture, Texts, max_abs_error},
    options, session,
};

/// Runs one of the ignored tests below alone.
fn alone(test: &str) {
    if !cfg!(target_os = "linux") {
        return;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    let outcome = command.args(["--ignored", "--exact", "--nocapture", &format!("process::{test}")]).output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(
        outcome.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
}

#[test]
fn the_thread_budget_is_kept() {
    alone("threads_of_sessions");
}

#[test]
fn sessions_come_and_go_without_leaving_anything() {
    alone("a_hundred_sessions");
}

#[test]
fn weights_are_in_memory_once() {
    alone("memory_of_the_real_model");
}

#[test]
fn a_batch_that_does_not_fit_is_refused_as_such() {
    alone("little_memory");
}

/// A line of `/proc/self/status`, without its unit.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

fn entries(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// Texts that keep a processor busy for a while.
fn work() -> Texts {
    Texts { ids: vec![(0..64).map(|id| id % 900).collect(); 64], second: 0 }
}

fn run(session: &mut dyn Session, times: usize) {
    for _ in 0..times {
        work().run(session, Output::SentenceEmbedding).unwrap();
    }
}

#[test]
#[ignore = "in a process of its own"]
fn threads_of_sessions() {
    let fixture = Fixture::open("bert-mean");
    let n_threads = || status("Threads");
    let before = n_threads();
    let backend = backend();
    let create = |share: u64| {
        let options = options(Precision::F32, usize::try_from(share).unwrap());
        backend.create_session(&fixture.model(), &options, &NoCall).unwrap()
    };

    let (started, used) = (Instant::now(), processor_time());
    run(&mut *create(1), 20);
    let share = (processor_time() - used).as_secs_f64() / started.elapsed().as_secs_f64();
    assert_eq!(n_threads(), before, "one thread does everything");
    assert!(share <= 1.1, "{share}");

    // Sessions side by side, in threads that have computed nothing before; whoever was told last, each keeps its share.
    for shares in [[1, 1], [2, 1]] {
        let most = thread::scope(|scope| {
            let side_by_side = shares.map(|share| {
                let mut session = create(share);
                scope.spawn(move || {
                    let count = |_| {
                        run(&mut *session, 1);
                        n_threads()
                    };
                    (0..20).map(count).max().unwrap()
                })
            });
            side_by_side.map(|running| running.join().unwrap()).into_iter().max().unwrap()
        });
        assert!(most <= before + shares.iter().sum::<u64>(), "{shares:?}: {most} threads, {before} before");
    }

    run(&mut *create(2), 10);
    assert_eq!(n_threads(), before + 1, "two threads, the caller included");
    run(&mut *create(1), 10);
    assert!(n_threads() <= before + 1);
}

#[test]
#[ignore = "in a process of its own"]
fn a_hundred_sessions() {
    let fixtures = ["bert-mean", "modernbert-mean"].map(Fixture::open);
    let round = || {
        for (fixture, precision) in fixtures.iter().zip([Precision::F32, Precision::Bf16]) {
            let mut session = session(fixture, precision).unwrap();
            Texts::of(&[&[2, 7, 3], &[2, 3]]).run(&mut *session, Output::SentenceEmbedding).unwrap();
        }
    };
    (0..20).for_each(|_| round());
    let facts = || {
        (status("Threads"), entries("/proc/self/fd"), fs::read_to_string("/proc/self/maps").unwrap().lines().count())
    };
    let (before, anonymous) = (facts(), status("RssAnon"));
    (0..50).for_each(|_| round());
    let (after, grown) = (facts(), status("RssAnon").saturating_sub(anonymous));
    assert_eq!((after.0, after.1), (before.0, before.1), "threads, files");
    assert!(after.2 <= before.2 + 8, "maps: {} became {}", before.2, after.2);
    assert!(grown <= 4096, "{grown} kB");
}

#[test]
#[ignore = "in a process of its own"]
fn little_memory() {
    let fixture = Fixture::open("bert-mean");
    let mut session = session(&fixture, Precision::F32).unwrap();
    run(&mut *session, 1);
    let room = status("VmSize") * 1024 + (200 << 20);
    let limit = [format!("--pid={}", std::process::id()), format!("--as={room}")];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    let large = Texts { ids: vec![vec![7; 64]; 20_000], second: 0 };
    let err = large.run(&mut *session, Output::SentenceEmbedding).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::OutOfMemory, "{}", err.to_text());
    assert!(err.hint().unwrap().contains("batch_tokens"), "{}", err.to_text());
    let found = fixture.texts().run(&mut *session, Output::SentenceEmbedding).unwrap();
    assert!(max_abs_error(&found, &fixture.vectors()) <= 2e-5, "the session lives on");
}

/// The real model, where there is one. In CI there must be.
fn minilm() -> Option<PathBuf> {
    let home = env::var_os("DRIVETRAIN_TEST_HOME").map(PathBuf::from);
    let model = home.map(|home| home.join("models/all-MiniLM-L6-v2")).filter(|model| model.is_dir());
    if model.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "DRIVETRAIN_TEST_HOME has no all-MiniLM-L6-v2");
        // Unlike `eprintln!`, this is not swallowed by the test harness.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), b"SKIPPED: needs DRIVETRAIN_TEST_HOME\n");
    }
    model
}

/// Bytes by which the process grew at most while `f` ran, and by how much it is larger after.
fn growth<T>(f: impl FnOnce() -> T) -> (u64, u64, T) {
    let before = status("VmRSS");
    // Makes the peak what it is now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let result = f();
    let grown = |name| status(name).saturating_sub(before) * 1024;
    (grown("VmHWM"), grown("VmRSS"), result)
}

#[test]
#[ignore = "in a process of its own"]
fn memory_of_the_real_model() {
    let Some(folder) = minilm() else { return };
    // What libtorch itself takes is not what this is about.
    run(&mut *session(&Fixture::open("bert-mean"), Precision::F32).unwrap(), 1);
    run(&mut *session(&Fixture::open("bert-mean"), Precision::Bf16).unwrap(), 1);
    let model = Package::open(&folder).unwrap().model();
    let backend = backend();
    for (precision, bytes_per_number) in [(Precision::F32, 4), (Precision::Bf16, 2)] {
        let weights = 22_713_216 * bytes_per_number;
        let load = |threads| backend.create_session(&model, &options(precision, threads), &NoCall).unwrap();
        let (peak, _, mut session) = growth(|| load(2));
        assert!(peak <= weights + weights / 3, "{precision}: {peak} bytes while loading {weights}");
        let (peak, _, ()) = growth(|| run_once(&mut *session));
        // A few of the widest tensors: what goes in and out of an operation, and what the allocator keeps of others.
        let activations = 5 * TOKENS * 1536 * 4;
        assert!(peak <= weights + weights / 3 + activations, "{precision}: {peak} bytes while running");
        let (_, left, others) = growth(|| [1, 1, 1].map(load));
        assert!(left <= weights / 3, "{precision}: three more sessions took {left} bytes");
        drop(others);
    }
}

const TOKENS: u64 = 32 * 128;

fn run_once(session: &mut dyn Session) {
    let texts = Texts { ids: vec![(0..TOKENS as i64 / 32).map(|id| 1000 + id).collect(); 32], second: 0 };
    texts.run(session, Output::SentenceEmbedding).unwrap();
}
