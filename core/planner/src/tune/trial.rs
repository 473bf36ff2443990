//! What a trial found out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    accuracy::Agreement,
    plan::{Candidate, Shape},
};

/// A way to run a model, and what running it showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was run.
    pub candidate: Candidate,
    /// How it was run.
    pub shape: Shape,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Outcome {
    /// It ran.
    Ran(Figures),
    /// It did not.
    Failed {
        /// What happened.
        why: String,
        /// Whether it may run another time: it ran out of time or memory.
        #[serde(default)]
        may_pass: bool,
    },
}

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// How its vectors compare with the reference's; `None` for the reference, and where there is none.
    pub agreement: Option<Agreement>,
    /// The share of Spearman's correlation on scored pairs that is lost against the reference; below 0 it gained.
    pub pairs_loss: Option<f64>,
    /// Largest difference between numbers of the vector of a text alone and of the same text among others.
    pub batch_difference: Option<f64>,
    /// `None` where accuracy ruled it out first, or time ran out.
    pub speed: Option<Speed>,
    /// Most bytes of main memory that its process held at any time.
    pub peak_bytes: Option<u64>,
}

/// How fast it ran.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Seconds for each text, tokenising included: the median of the laps.
    pub seconds_per_text: f64,
    /// How far laps were apart: slowest less fastest, as a share of the median.
    pub spread: f64,
    /// Laps that were measured.
    pub laps: usize,
}

impl Trial {
    /// What was run and what came of it, in one line.
    pub fn describe(&self) -> String {
        let mut text = format!("{}: ", self.candidate);
        match &self.outcome {
            Outcome::Failed { why, .. } => text.push_str(why),
            Outcome::Ran(figures) => text.push_str(&figures.to_string()),
        }
        text
    }

    /// What was measured, if it ran.
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Ran(figures) => Some(figures),
            Outcome::Failed { .. } => None,
        }
    }

    /// Seconds for each text, if it was timed.
    pub fn seconds_per_text(&self) -> Option<f64> {
        Some(self.figures()?.speed?.seconds_per_text)
    }
}

impl Figures {
    /// The share of quality that is lost: of the scored pairs where there are any, else estimated from the vectors.
    pub fn loss(&self) -> Option<f64> {
        self.pairs_loss.or_else(|| self.agreement.as_ref().map(Agreement::expected_loss))
    }
}

/// `512.3 texts/s (±2 %), 210 MiB; cosine 0.9999 mean, …`
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.speed {
            Some(speed) => write!(f, "{speed}")?,
            None => f.write_str("not timed")?,
        }
        if let Some(bytes) = self.peak_bytes {
            write!(f, ", {} MiB", bytes >> 20)?;
        }
        if let Some(agreement) = &self.agreement {
            write!(f, "; {agreement}")?;
        }
        if let Some(lost) = self.pairs_loss {
            write!(f, "; {:.2} % of the pairs' correlation lost", lost * 100.0)?;
        }
        Ok(())
    }
}

/// `512.3 texts/s (±2 %)`; of a single lap nobody knows how far others would be from it.
impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = 1.0 / self.seconds_per_text.max(f64::MIN_POSITIVE);
        match self.laps {
            0 | 1 => write!(f, "{rate:.1} texts/s (one lap)"),
            _ => write!(f, "{rate:.1} texts/s (±{:.0} %)", self.spread * 50.0),
        }
    }
}

impl Speed {
    /// Of laps that took so many seconds for each text; `None` without laps.
    pub(super) fn of(laps: &[f64]) -> Option<Self> {
        let mut sorted = laps.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (first, last) = (sorted.first()?, sorted.last()?);
        let seconds_per_text = sorted[sorted.len() / 2];
        let spread = (last - first) / seconds_per_text.max(f64::MIN_POSITIVE);
        Some(Self { seconds_per_text, spread, laps: sorted.len() })
    }
}
