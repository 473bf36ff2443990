//! What is found out, as `--json` prints it.

use std::path::PathBuf;

use drivetrain::{
    contract::Probe,
    plugin_host::Origin,
    runtimes::{
        Listing,
        doctor::{Conflict, Hardware, Image, Influence},
    },
};
use serde::Serialize;

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of this program.
    pub(super) drivetrain: &'static str,
    pub(super) hardware: Hardware,
    /// `None` where there is no home folder.
    pub(super) folders: Option<Folders>,
    pub(super) engines: Vec<Engine>,
    pub(super) plugins: Vec<Plugin>,
    pub(super) runtimes: Listing,
    /// The engines that work, in one process; `None` when there are fewer than two.
    pub(super) together: Option<Together>,
    pub(super) variables: Vec<Influence>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) can_embed: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Folders {
    pub(super) data: PathBuf,
    pub(super) cache: PathBuf,
}

/// One engine.
#[derive(Debug, Serialize)]
pub(super) struct Engine {
    pub(super) id: String,
    pub(super) state: EngineState,
    /// What has to be installed for it.
    pub(super) lacks: Option<Trouble>,
    pub(super) natives: Vec<Native>,
    /// What it says of itself; only if it could be opened.
    pub(super) probe: Option<Probe>,
    /// Milliseconds it took to load, open and ask it.
    pub(super) took_ms: Option<u64>,
    /// The libraries that were loaded into a process with this engine alone.
    pub(super) images: Vec<Image>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EngineState {
    /// It was opened and has a device.
    Ok,
    /// Its plugin or its native library is not installed.
    Missing,
    /// It is there and does not work.
    Trouble,
}

/// A native library that an engine needs.
#[derive(Debug, Serialize)]
pub(super) struct Native {
    pub(super) id: String,
    pub(super) needed: String,
    pub(super) path: Option<PathBuf>,
    pub(super) version: Option<String>,
    /// Whether the profile names the file.
    pub(super) is_named: bool,
    pub(super) problem: Option<String>,
}

/// A plugin, linked or found.
#[derive(Debug, Serialize)]
pub(super) struct Plugin {
    pub(super) id: String,
    pub(super) version: Option<String>,
    pub(super) origin: Origin,
    pub(super) folder: Option<PathBuf>,
    /// `usable`, `shadowed` or `refused`.
    pub(super) state: &'static str,
    pub(super) refused: Option<String>,
}

/// Several engines in one process.
#[derive(Debug, Serialize)]
pub(super) struct Together {
    /// In the order in which they were opened.
    pub(super) engines: Vec<String>,
    pub(super) images: Vec<Image>,
    pub(super) conflicts: Vec<Conflict>,
    /// Why it did not work.
    pub(super) failure: Option<String>,
}

/// Something that is wrong, and the way out.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    /// What it is about: an engine, a plugin, a file.
    pub(super) about: String,
    pub(super) what: String,
    pub(super) mend: Option<String>,
}
