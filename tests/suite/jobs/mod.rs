//! Long jobs: many files in, files and folders out, killed, interrupted and gone on with.
#![cfg(unix)]

mod full_disk;
mod inputs;
mod kills;
#[cfg(target_os = "linux")]
mod memory;
mod refusals;
mod signals;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use drivetrain_tests::{Outcome, Program, Rig};
use serde_json::Value;
use tempfile::TempDir;

/// Numbers in each vector of the built-in model.
const DIM: usize = 256;

/// A folder of a test's own, with the program running in it.
struct Place {
    rig: Rig,
    folder: TempDir,
}

impl Place {
    /// An empty folder, or `None` after saying that the check is skipped.
    fn new() -> Option<Self> {
        Some(Self { rig: Rig::new()?, folder: TempDir::new().expect("a folder for the test") })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().expect("a file has a folder")).expect("a folder");
        fs::write(self.path(name), contents).expect("a file");
    }

    /// `drivetrain embed` in this folder, with a checkpoint after every window.
    fn embed(&self, args: &[&str]) -> Program {
        let program = Program::drivetrain(&self.rig).current_dir(self.folder.path());
        program.args(["embed", "--checkpoint-secs", "0"]).args(args)
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.embed(args).run()
    }

    /// The files of an output, which is a file or a folder, with their contents.
    fn output(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let path = self.path(name);
        let files: Vec<PathBuf> = match path.is_dir() {
            true => path.read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()).collect(),
            false => vec![path.clone()],
        };
        let below = |file: &Path| file.strip_prefix(&path).expect("below the output").to_owned();
        files.iter().map(|file| (below(file), fs::read(file).expect("a file"))).collect()
    }

    /// What is kept of an interrupted job, if it can be gone on with.
    fn sidecar(&self, name: &str) -> Option<Value> {
        let text = fs::read(self.path(&format!("{name}.job.json"))).ok()?;
        Some(serde_json::from_slice(&text).expect("the file beside an output is whole at any time"))
    }

    /// What is in the folder, sorted.
    fn names(&self) -> Vec<String> {
        let entries = self.folder.path().read_dir().expect("a folder");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// So many texts of many lengths, some of them more than once.
fn texts(n: usize) -> Vec<String> {
    const WORDS: [&str; 12] =
        ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "naïve", "\"quoted\"", "42"];
    let mut random = Random(1);
    let mut text = || {
        let words = 1 + random.below(25);
        (0..words).map(|_| WORDS[random.below(12) as usize]).collect::<Vec<_>>().join(" ")
    };
    (0..n).map(|_| text()).collect()
}

fn lines(n: usize) -> String {
    texts(n).iter().map(|text| format!("{text}\n")).collect()
}
