//! What `cargo xtask test` prepared: native libraries, the real model, plugins, the program itself.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
};

use drivetrain::Locations;
use tempfile::TempDir;

/// The prepared data folder, and a cache folder that is this test's own.
#[derive(Debug)]
pub struct Rig {
    home: PathBuf,
    products: PathBuf,
    cache: TempDir,
}

/// The folder with fixtures.
pub fn fixtures_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Says loudly that a check was left out. In CI nothing may be.
///
/// # Panics
/// With `CI=true`.
pub fn skip(why: &str) {
    assert!(env::var_os("CI").is_none_or(|value| value != "true"), "nothing may be skipped in CI: {why}");
    // Unlike `eprintln!`, this is not swallowed by the test harness.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

impl Rig {
    /// What `cargo xtask test` prepared, or `None` after saying that a check is skipped.
    ///
    /// # Panics
    /// With `CI=true`, when nothing was prepared.
    pub fn new() -> Option<Self> {
        let Some(home) = env::var_os("DRIVETRAIN_TEST_HOME").map(PathBuf::from).filter(|home| home.is_dir()) else {
            skip("needs what `cargo xtask test` prepares (DRIVETRAIN_TEST_HOME)");
            return None;
        };
        let products = PathBuf::from(env::var_os("DRIVETRAIN_TEST_PRODUCTS").unwrap_or_default());
        let cache = TempDir::new().expect("a folder for the test's cache");
        Some(Self { home, products, cache })
    }

    /// The data folder: runtimes, plugins, models. Shared by all tests; not to be changed.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// This test's cache folder.
    pub fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// Folders for the library.
    pub fn locations(&self) -> Locations {
        Locations::new(&self.home, self.cache.path())
    }

    /// The folder with the plugins as shared libraries.
    pub fn plugins(&self) -> PathBuf {
        self.home.join("plugins")
    }

    /// The real model.
    pub fn minilm(&self) -> PathBuf {
        self.home.join("models/all-MiniLM-L6-v2")
    }

    /// The installed ONNX Runtime of this version.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn onnxruntime(&self, version: &str) -> PathBuf {
        let folder = self.home.join("runtimes/onnxruntime").join(version).join("lib");
        let files = folder.read_dir().unwrap_or_else(|err| panic!("`{}`: {err}", folder.display()));
        let library = |path: &PathBuf| path.to_string_lossy().contains(version);
        files.flatten().map(|file| file.path()).find(library).expect("an installed version has a library")
    }

    /// The program `drivetrain`.
    pub fn program(&self) -> PathBuf {
        self.products.join(format!("drivetrain{}", env::consts::EXE_SUFFIX))
    }

    /// A built example of the library.
    pub fn example(&self, name: &str) -> PathBuf {
        self.products.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}
