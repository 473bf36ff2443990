//! An engine as planning sees it.

use std::path::PathBuf;

use drivetrain_contract::Probe;
use serde::{Deserialize, Serialize};

/// An engine as planning sees it: what it found on the machine, or why it could not look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Id of the backend.
    pub backend: String,
    /// Which of the installed releases of its library this is; `None` is the one that is loaded where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// What it found.
    pub found: Result<Probe, Absence>,
}

/// An installed release of an engine's library beside the one that is loaded where nothing is said. One may be faster at
/// one precision and slower at another, which only a trial can tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// The file to load.
    pub library: PathBuf,
}

impl Engine {
    /// Why it is not there, with its release.
    pub(super) fn absence(&self, absence: &Absence) -> Absence {
        let Some(Release { version, .. }) = &self.release else { return absence.clone() };
        Absence { reason: format!("release {version}: {}", absence.reason), remedy: absence.remedy.clone() }
    }
}

/// `onnxruntime`, `onnxruntime 1.31.1`
pub(super) fn label(backend: &str, release: Option<&Release>) -> String {
    release.map_or_else(|| backend.to_owned(), |release| format!("{backend} {}", release.version))
}

/// Why an engine is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// What keeps it away.
    pub reason: String,
    /// What to do about it.
    pub remedy: Option<String>,
}
