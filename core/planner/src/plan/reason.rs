//! Why something was not chosen.

use std::fmt;

use drivetrain_contract::Precision;
use serde::{Deserialize, Serialize};

use super::Absence;

/// Why something was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The engine is not there.
    Absent(Absence),
    /// None of the model's files is read by the engine, nor one that could be made of them.
    NoFile {
        /// Formats the engine reads.
        reads: Vec<String>,
    },
    /// The profile wants something else, or forbids it.
    Unwanted {
        /// Which setting, and what it says.
        setting: String,
    },
    /// The device can run nothing.
    Unfit {
        /// What is wrong with it.
        reason: String,
    },
    /// The device does not compute in the precision.
    Precision {
        /// The precision.
        precision: Precision,
        /// Whether it takes it and computes in another.
        emulated: bool,
    },
    /// The file is not there, and may not be made.
    NotMade {
        /// The command that makes it.
        command: String,
    },
    /// More would be lost than may be.
    Loss {
        /// The share of quality that is expected to be lost.
        expected: f64,
        /// The share that may be lost.
        most: f64,
    },
    /// More memory would be needed than may be used, also by one session with the smallest batch.
    Memory {
        /// Bytes that would be needed.
        needs: u64,
        /// Bytes that may be used.
        most: u64,
    },
    /// The rules name others first.
    Later {
        /// Its place in their order, if they name it at all.
        choice: Option<String>,
    },
}

impl Reason {
    /// What to do to have it all the same, where something can be done.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Reason::Absent(absence) => absence.remedy.clone(),
            Reason::NotMade { command } => Some(command.clone()),
            Reason::Precision { emulated: true, .. } => Some("--allow-emulated".to_owned()),
            Reason::Loss { expected, .. } => Some(format!("--set accuracy.max_loss={expected}")),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Absent(absence) => f.write_str(&absence.reason),
            Reason::NoFile { reads } => write!(f, "it reads {}, which this model has not", reads.join(", ")),
            Reason::Unwanted { setting } => f.write_str(setting),
            Reason::Unfit { reason } => write!(f, "the device cannot be used: {reason}"),
            Reason::Precision { precision, emulated: false } => write!(f, "the device does not compute in {precision}"),
            Reason::Precision { precision, emulated: true } => {
                write!(f, "the device computes {precision} in another precision")
            }
            Reason::NotMade { .. } => f.write_str("the file is not there, and `plan.artifacts` lets none be made"),
            Reason::Loss { expected, most } => {
                write!(f, "loses about {} of the quality, {} may be lost", percent(*expected), percent(*most))
            }
            Reason::Memory { needs, most } => {
                write!(f, "needs {} MiB, {} MiB may be used", needs.div_ceil(1 << 20), most >> 20)
            }
            Reason::Later { choice: Some(choice) } => write!(f, "the rules put it later, as {choice}"),
            Reason::Later { choice: None } => f.write_str("the rules do not name it"),
        }
    }
}

/// `0.4 %`
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
