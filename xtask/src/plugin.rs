//! `cargo xtask plugin libtorch`: the plugin that compiles against its native library, in a workspace of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use drivetrain_runtimes::{Catalogue, Installed, platform};

use crate::{
    cargo,
    fetch::{fetch, install_from_kept},
    folders,
    setup::{copy_file, model},
};

/// A plugin with a workspace of its own.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Plugin {
    /// The C++ library of PyTorch.
    Libtorch,
}

const ID: &str = "libtorch";
const PACKAGE: &str = "drivetrain-plugin-libtorch";

impl Plugin {
    /// Whether its library is to be had for this platform.
    pub(crate) fn is_offered(self) -> bool {
        let spec = match self {
            Self::Libtorch => ID.parse(),
        };
        spec.and_then(|spec| Catalogue::builtin().find(&spec)?.build(&platform()).map(|_| ())).is_ok()
    }
}

/// Fetches the library into the data folder of the tests, then formats, lints and tests backend and plugin, and puts
/// the plugin into that data folder.
pub(crate) fn check(plugin: Plugin) -> Result<()> {
    let Plugin::Libtorch = plugin;
    let home = folders::test_home();
    model(&home)?;
    let libtorch = Libtorch::prepare(&home)?;
    cargo::run(&mut libtorch.cargo(["fmt", "--package", "drivetrain-libtorch", "--package", PACKAGE, "--check"]))?;
    cargo::run(&mut libtorch.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    libtorch.install(&home.join("plugins"), false)?;
    cargo::run(libtorch.cargo(["test", "--workspace", "--no-fail-fast"]).env("DRIVETRAIN_TEST_HOME", &home))
}

/// Fetches the library into a data folder, builds the plugin and puts it there as well.
pub(crate) fn set_up(plugin: Plugin, home: &Path, release: bool) -> Result<()> {
    let Plugin::Libtorch = plugin;
    let home = std::path::absolute(home)?;
    Libtorch::prepare(&home)?.install(&home.join("plugins"), release)
}

/// Builds the plugin optimised into its folder below `plugins`; its library comes into the data folder of the tests.
pub(crate) fn build_into(plugin: Plugin, plugins: &Path) -> Result<()> {
    let Plugin::Libtorch = plugin;
    Libtorch::prepare(&folders::test_home())?.install(plugins, true)
}

/// libtorch, ready to be compiled against.
struct Libtorch {
    workspace: PathBuf,
    target: PathBuf,
    headers: PathBuf,
    link: PathBuf,
}

impl Libtorch {
    /// Installs the library as `drivetrain runtimes install libtorch` does, and puts beside it what compiling needs.
    fn prepare(home: &Path) -> Result<Self> {
        let installed = install_from_kept(ID, home)?;
        let target = folders::target().join(ID);
        let this = Self {
            workspace: folders::root().join("backends").join(ID),
            headers: fetch("libtorch-headers")?,
            link: target.join("link"),
            target,
        };
        this.make_link_folder(&installed)?;
        Ok(this)
    }

    /// A folder as torch-sys expects it: the installed libraries, and a `libtorch.so` to link with.
    ///
    /// The wheel's own would pull in CUDA. This one is a text that sends the linker on, so nothing depends on it later.
    fn make_link_folder(&self, installed: &Installed) -> Result<()> {
        let lib = self.link.join("lib");
        fs::create_dir_all(&lib).with_context(|| format!("cannot create `{}`", lib.display()))?;
        write(&self.link.join("build-version"), &installed.version.to_string())?;
        write(&lib.join("libtorch.so"), "INPUT(-ltorch_cpu)\n")?;
        let libraries = installed.library.parent().context("a library has a folder")?;
        for library in fs::read_dir(libraries)? {
            let library = library?;
            let link = lib.join(library.file_name());
            if fs::read_link(&link).ok().as_deref() != Some(&library.path()) {
                let _ = fs::remove_file(&link);
                symlink(&library.path(), &link).with_context(|| format!("cannot create `{}`", link.display()))?;
            }
        }
        Ok(())
    }

    /// A cargo command in this workspace.
    fn cargo<const N: usize>(&self, args: [&str; N]) -> Command {
        let mut command = cargo::command(args);
        command
            .current_dir(&self.workspace)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("LIBTORCH", &self.link)
            .env("LIBTORCH_INCLUDE", &self.headers)
            .env("LIBTORCH_LIB", &self.link);
        command
    }

    /// Builds the plugin and puts it into its folder below `plugins`.
    fn install(&self, plugins: &Path, release: bool) -> Result<()> {
        let mut build = self.cargo(["build", "--package", PACKAGE]);
        if release {
            build.arg("--release");
        }
        cargo::run(&mut build)?;
        let library = format!("{}drivetrain_plugin_{ID}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        let folder = plugins.join(ID);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let built = self.target.join(if release { "release" } else { "debug" });
        copy_file(&built.join(&library), &folder.join(&library))?;
        copy_file(&self.workspace.join("plugin.toml"), &folder.join("plugin.toml"))
    }
}

/// Writes a file unless it is so already: a newer one would have everything compiled again.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(unix)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(windows)]
fn symlink(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_file(from, to)
}
