//! Runs a target: first what once failed, then mutations.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::{case::Target, mutation::mutated};

/// How long to run each target, in seconds; without it the same few cases are run every time.
const SECONDS: &str = "DRIVETRAIN_TEST_FUZZ_SECONDS";

/// Cases of a run that has no time to spend, and of one that looks at the clock after so many.
const CASES: u32 = 2000;
const CASES_AT_A_TIME: u32 = 200;

/// A case that takes longer than this will not end.
const HANGING: Duration = Duration::from_secs(60);

/// Runs a target.
///
/// # Panics
/// When a case fails; its input, made as short as possible, is in `regressions/` then.
pub(crate) fn run(target: &Target) {
    let folder = target.folder();
    let sound = target.check(folder.path()).and_then(|read| read.map_err(|err| err.to_text()));
    let sound = sound.unwrap_or_else(|problem| panic!("the sound files of {} are refused: {problem}", target.name));
    replay(target, folder.path());
    let watched = Watched::begin(target.name);
    let seconds = env::var(SECONDS).ok().map(|seconds| seconds.parse::<u64>().expect("a number of seconds"));
    let started = Instant::now();
    let mut seed = match seconds {
        Some(_) => SystemTime::UNIX_EPOCH.elapsed().expect("a clock that is set").as_nanos() as u64,
        None => 0,
    };
    let cases = if seconds.is_some() { CASES_AT_A_TIME } else { CASES };
    loop {
        mutate(target, folder.path(), &watched, (seed, cases));
        seed += 1;
        if seconds.is_none_or(|seconds| started.elapsed() >= Duration::from_secs(seconds)) {
            break;
        }
    }
    let after = target.check(folder.path()).expect("what could be read").expect("sound files");
    assert_eq!(after, sound, "sound files read otherwise");
}

fn mutate(target: &Target, folder: &Path, watched: &Watched, (seed, cases): (u64, u32)) {
    let seeds: Vec<Vec<u8>> = target.seeds.iter().map(|(_, bytes)| bytes.clone()).collect();
    let mut random = [0; 32];
    random[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 5000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &random));
    let outcome = runner.run(&mutated(seeds, target.mend), |(idx, bytes)| {
        watched.case(idx, &bytes);
        target.check_with(folder, idx, &bytes).map_err(TestCaseError::fail)
    });
    watched.rest();
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(problem, (idx, bytes))) => {
            let kept = keep(target.name, idx, &bytes);
            panic!("{}: {problem}; the input is in `{}`", target.name, kept.display());
        }
        Err(TestError::Abort(problem)) => panic!("{}: {problem}", target.name),
    }
}

fn replay(target: &Target, folder: &Path) {
    for entry in fs::read_dir(regressions(target.name)).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let idx = name.split('-').next().and_then(|idx| idx.parse().ok()).expect("a seed's number in the name");
        let outcome = target.check_with(folder, idx, &fs::read(&path).expect("a kept input"));
        outcome.unwrap_or_else(|problem| panic!("{}: {problem}; the input is `{}`", target.name, path.display()));
    }
}

fn regressions(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions").join(target)
}

/// Keeps an input, under the number of the seed it replaces and a name made from its bytes.
fn keep(target: &str, idx: usize, bytes: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let folder = regressions(target);
    let path = folder.join(format!("{idx}-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes)).expect("a place for the input");
    path
}

/// What is run just now, watched by a thread that ends the process when that does not end.
struct Watched {
    shared: Arc<Shared>,
}

struct Shared {
    /// Counts the cases; the highest bit is set while none is run.
    number: AtomicU64,
    input: Mutex<(usize, Vec<u8>)>,
}

const RESTING: u64 = 1 << 63;

impl Watched {
    fn begin(target: &'static str) -> Self {
        let shared = Arc::new(Shared { number: AtomicU64::new(RESTING), input: Mutex::default() });
        let watching = Arc::downgrade(&shared);
        thread::spawn(move || {
            let mut last = RESTING;
            while let Some(shared) = watching.upgrade() {
                let number = shared.number.load(Ordering::Acquire);
                if number == last && number & RESTING == 0 {
                    let (idx, bytes) = &*shared.input.lock().expect("an input");
                    keep(target, *idx, bytes);
                    process::abort();
                }
                last = number;
                drop(shared);
                thread::sleep(HANGING);
            }
        });
        Self { shared }
    }

    fn case(&self, idx: usize, bytes: &[u8]) {
        *self.shared.input.lock().expect("an input") = (idx, bytes.to_vec());
        let number = self.shared.number.load(Ordering::Relaxed) & !RESTING;
        self.shared.number.store((number + 1) & !RESTING, Ordering::Release);
    }

    fn rest(&self) {
        self.shared.number.fetch_or(RESTING, Ordering::Release);
    }
}
