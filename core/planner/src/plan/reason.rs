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
    /// The model's architecture is not known, so that its weights are of no use.
    Architecture(Absence),
    /// The device can run nothing.
    Unfit {
        /// What is wrong with it.
        reason: String,
    },
    /// The device can run it, but is better left alone unless it is asked for by name.
    Discouraged {
        /// Why.
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
    /// The file is not there, and would take more of the disk than it may.
    Disk {
        /// Bytes it would take, about.
        needs: u64,
        /// Bytes that may be used.
        most: u64,
        /// What the setting says, and where.
        setting: String,
        /// Whether no more is free, so that no setting helps.
        is_full: bool,
    },
    /// More would be lost than may be.
    Loss {
        /// The share of quality that is expected to be lost.
        expected: f64,
        /// The share that may be lost.
        most: f64,
    },
    /// More was lost in its trial than may be.
    Lost {
        /// The share of quality that was lost.
        lost: f64,
        /// The share that may be lost.
        most: f64,
    },
    /// A vector was further from the reference's than it may be.
    Cosine {
        /// The least cosine that was found.
        least: f64,
        /// The least there may be.
        bound: f64,
    },
    /// A text's vector depends on what else is in its batch.
    BatchDependent {
        /// By how much numbers of a vector differed; `None` where that is known without a trial.
        difference: Option<f64>,
    },
    /// It did not run.
    Failed {
        /// What happened.
        problem: String,
    },
    /// It was slower.
    Slower {
        /// How many times as fast as what was chosen.
        times: f64,
    },
    /// It took more memory, or as much.
    Larger {
        /// How many times as much as what was chosen.
        times: f64,
    },
    /// It was loaded and is exact enough, but time ran out before it was run.
    Untimed,
    /// It was not tried, and others were.
    Untried {
        /// How many times as fast as what was chosen it was expected to be.
        expected: f64,
        /// What would have to be made first, as `drivetrain convert --to` calls it.
        target: Option<String>,
    },
    /// More memory would be needed than may be used, also by one session with the smallest batch.
    Memory {
        /// Bytes that would be needed.
        needs: u64,
        /// Bytes that may be used.
        most: u64,
    },
    /// It is another release of an engine, and only a trial can tell whether that is faster.
    OtherRelease,
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
            Reason::Absent(absence) | Reason::Architecture(absence) => absence.remedy.clone(),
            Reason::NotMade { command } => Some(command.clone()),
            Reason::Disk { needs, is_full: false, .. } => {
                Some(format!("--set limits.disk={}MiB", needs.div_ceil(1 << 20)))
            }
            Reason::Precision { emulated: true, .. } => Some("--allow-emulated".to_owned()),
            Reason::Loss { expected: loss, .. } | Reason::Lost { lost: loss, .. } => {
                Some(format!("--set accuracy.max_loss={}", rounded_up(*loss)))
            }
            Reason::Cosine { least, .. } => Some(format!("--set accuracy.min_cosine={}", (least * 1e4).floor() / 1e4)),
            Reason::BatchDependent { .. } => Some("--set accuracy.batch_invariant=false".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Absent(absence) | Reason::Architecture(absence) => f.write_str(&absence.reason),
            Reason::NoFile { reads } => write!(f, "it reads {}, which this model has not", reads.join(", ")),
            Reason::Unwanted { setting } => f.write_str(setting),
            Reason::Unfit { reason } => write!(f, "the device cannot be used: {reason}"),
            Reason::Discouraged { reason } => f.write_str(reason),
            Reason::Precision { precision, emulated: false } => write!(f, "the device does not compute in {precision}"),
            Reason::Precision { precision, emulated: true } => {
                write!(f, "the device computes {precision} in another precision")
            }
            Reason::NotMade { .. } => f.write_str("the file is not there, and `plan.artifacts` lets none be made"),
            Reason::Disk { needs, most, setting, .. } => write!(
                f,
                "the file is not there and takes about {} MiB, {} MiB may be used: {setting}",
                needs.div_ceil(1 << 20),
                most >> 20
            ),
            Reason::Loss { expected, most } => {
                write!(f, "loses about {} of the quality, {} may be lost", percent(*expected), percent(*most))
            }
            Reason::Lost { lost, most } => {
                write!(f, "loses {} of the quality, {} may be lost", percent(*lost), percent(*most))
            }
            Reason::Cosine { least, bound } => {
                write!(f, "vectors differ: the least cosine with the reference is {least:.5}, not {bound}")
            }
            Reason::BatchDependent { difference: Some(difference) } => {
                write!(f, "a text's vector depends on the others in its batch, by up to {difference:.4}")
            }
            Reason::BatchDependent { difference: None } => {
                f.write_str("a text's vector depends on the others in its batch")
            }
            Reason::Failed { problem } => write!(f, "failed when it was tried: {problem}"),
            Reason::Slower { times } => write!(f, "slower: {times:.2}×"),
            Reason::Larger { times } => write!(f, "takes more memory: {times:.2}×"),
            Reason::Untimed => f.write_str("time ran out before it was run; `plan.tune_seconds` gives it more"),
            Reason::Untried { expected, target: None } => write!(f, "not tried: expected to be {expected:.1}× as fast"),
            Reason::Untried { expected, target: Some(_) } => {
                write!(f, "not tried, since it is still to be made: expected to be {expected:.1}× as fast")
            }
            Reason::Memory { needs, most } => {
                write!(f, "needs {} MiB, {} MiB may be used", needs.div_ceil(1 << 20), most >> 20)
            }
            Reason::OtherRelease => {
                f.write_str("another installed release, which is used only where a trial found it faster")
            }
            Reason::Later { choice: Some(choice) } => write!(f, "the rules put it later, as {choice}"),
            Reason::Later { choice: None } => f.write_str("the rules do not name it"),
        }
    }
}

/// So that what is allowed is not less than what was found.
fn rounded_up(share: f64) -> f64 {
    (share * 1e4).ceil() / 1e4
}

/// `0.4 %`
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
