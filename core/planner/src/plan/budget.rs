//! How much a candidate may lose against the same model in 32-bit floats.

use drivetrain_contract::{Precision, format};
use serde::Serialize;

use super::{Candidate, ModelFile, Reason};
use crate::{Goal, Profile, Side, tune::Figures};

/// Most that numbers of a vector of length 1 may differ between a text alone and among others where batches may not
/// matter: between the 0.0011 that 16-bit floats were measured to differ by, and the 0.009 of integers with a scale for
/// each batch (docs/planning.md).
const SAME: f64 = 0.002;

/// How much a candidate may lose against the same model in 32-bit floats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// The share of quality that may be lost.
    max_loss: f64,
    /// The least cosine there may be between a vector and the reference's.
    min_cosine: Option<f64>,
    /// Whether a text's vector has to be the same whatever it is in a batch with.
    batch_invariant: bool,
    /// Whether the precision was asked for by name, and is wanted with what it loses.
    is_named: bool,
}

impl Budget {
    /// What a profile allows for a goal: vectors of documents, or of many texts, are kept and compared for long, so that they
    /// are not to depend on their neighbours, unless the profile says that they may.
    pub fn of(profile: &Profile, goal: Goal) -> Self {
        let (accuracy, is_named) = (&profile.accuracy, waiver(profile).is_some());
        // Texts that are looked for come one by one, and so do a few that are wanted soon.
        let is_kept = profile.side.map_or(goal != Goal::Latency, |side| side == Side::Document);
        Self {
            max_loss: accuracy.max_loss.value,
            min_cosine: if is_named { accuracy.min_cosine.value } else { accuracy.least_cosine() },
            batch_invariant: accuracy.batch_invariant.value.unwrap_or(is_kept),
            is_named,
        }
    }

    /// Why a candidate loses too much as far as is known without measuring it, if so.
    pub(super) fn expected_refusal(&self, candidate: &Candidate) -> Option<Reason> {
        let expected = expected_loss(candidate.precision);
        if !self.is_named && expected > self.max_loss {
            return Some(Reason::Loss { expected, most: self.max_loss });
        }
        self.forbids_batches(candidate).then_some(Reason::BatchDependent { difference: None })
    }

    /// Why measuring it cannot show that it loses little enough, if so.
    pub(super) fn hopeless(&self, candidate: &Candidate) -> Option<Reason> {
        // Halves may be exact enough to lose nothing; integers never are.
        let hopeful = candidate.precision != Precision::Int8 || self.max_loss > 0.0;
        if hopeful && !self.forbids_batches(candidate) { None } else { self.expected_refusal(candidate) }
    }

    /// Why a candidate loses too much by what was measured, if so.
    pub fn refusal(&self, candidate: &Candidate, figures: &Figures) -> Option<Reason> {
        if let Some(difference) = figures.batch_difference.filter(|&one| self.batch_invariant && one > SAME) {
            return Some(Reason::BatchDependent { difference: Some(difference) });
        }
        let Some(agreement) = &figures.agreement else {
            // It is the reference itself, or there is none.
            return if candidate.is_exact() { None } else { self.expected_refusal(candidate) };
        };
        let least = agreement.cosine_min;
        if let Some(bound) = self.min_cosine.filter(|&bound| least < bound) {
            return Some(Reason::Cosine { least, bound });
        }
        let lost = figures.loss().unwrap_or(0.0);
        let may_lose = self.is_named || self.max_loss == 0.0 || lost <= self.max_loss;
        (!may_lose).then_some(Reason::Lost { lost, most: self.max_loss })
    }

    /// Whether it is known of a candidate that vectors depend on the batch, and they may not.
    fn forbids_batches(&self, candidate: &Candidate) -> bool {
        self.batch_invariant && !self.is_named && candidate.scales_by_batch()
    }
}

/// The share of its quality that a model is expected to lose in a precision before anything was measured with it, on
/// hardware that computes in it: the published figures of sentence-transformers 6.0.0 for embeddings (100.00 % for fp16,
/// 99.64 % and 99.68 % for int8, the lower one taken, rounded as the published rules round it), and for bf16, which they
/// leave out, what its 8 bits of significand lose at the most: half of 1 / 256.
pub(super) fn expected_loss(precision: Precision) -> f64 {
    match precision {
        Precision::F32 | Precision::F16 => 0.0,
        Precision::Bf16 => 0.002,
        Precision::Int8 => 0.004,
    }
}

/// The share of its quality that the model may lose: a precision that was asked for by name is what the user wants,
/// with what it loses.
pub(super) fn loss_allowed(profile: &Profile) -> f64 {
    waiver(profile).map_or(0.0, expected_loss).max(profile.accuracy.max_loss.value)
}

/// The precision that is wanted with what it loses: one that is named, unless the other side names another.
fn waiver(profile: &Profile) -> Option<Precision> {
    profile.precision.value.filter(|_| !profile.is_apart)
}

impl Candidate {
    /// Whether it computes in 32-bit floats, as the reference does.
    pub fn is_exact(&self) -> bool {
        self.precision == Precision::F32
    }

    /// Whether the scale of its integers is found for each batch: in ONNX graphs that were quantised without looking at
    /// texts, which is what those under the ecosystem's names are. OpenVINO's have scales of their own.
    fn scales_by_batch(&self) -> bool {
        let ModelFile { format, path, .. } = &self.file;
        self.precision == Precision::Int8 && format == format::ONNX && !path.contains("static")
    }
}
