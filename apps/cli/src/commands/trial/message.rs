//! What is said between the two processes, a line of JSON each.

use drivetrain::{
    Error, ErrorKind, Goal, Material,
    planner::tune::{Contender, Lap, Sampled},
};
use serde::{Deserialize, Serialize};

use crate::commands::doctor;

/// What the process is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum Ask {
    /// To load a candidate: the first thing.
    Load(Box<Loading>),
    /// For the vectors of the texts that accuracy is judged by, of the first so many.
    Vectors { most: usize },
    /// To run texts.
    Lap(Lap),
    /// For the most memory it has held.
    Peak,
}

/// What is loaded, and what it is run on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Loading {
    pub(super) model: String,
    pub(super) allow_emulated: bool,
    pub(super) goal: Goal,
    pub(super) contender: Contender,
    pub(super) material: Material,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Say {
    /// It is loaded.
    Loaded { batch_tokens: Option<usize> },
    /// The vectors.
    Vectors(Sampled),
    /// The lap is run.
    Lap { seconds: f64 },
    /// The most memory it has held, where that is known.
    Peak { bytes: Option<u64> },
    /// What was asked for failed.
    Failed { is_cancelled: bool, why: String, hint: Option<String> },
}

impl Say {
    /// An error, to be said.
    pub(super) fn failed(err: &Error) -> Self {
        let is_cancelled = err.kind() == ErrorKind::Cancelled;
        Self::Failed { is_cancelled, why: doctor::words(err), hint: err.hint().map(str::to_owned) }
    }
}
