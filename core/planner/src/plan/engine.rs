//! An engine as planning sees it.

use drivetrain_contract::Probe;
use serde::{Deserialize, Serialize};

/// An engine as planning sees it: what it found on the machine, or why it could not look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Id of the backend.
    pub backend: String,
    /// What it found.
    pub found: Result<Probe, Absence>,
}

/// Why an engine is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// What keeps it away.
    pub reason: String,
    /// What to do about it.
    pub remedy: Option<String>,
}
