//! Why a candidate cannot or may not be had, if so.

use drivetrain_contract::Precision;

use super::{ModelFacts, Reason, candidate::Possible};
use crate::{Artifacts, Profile, rules::device_word};

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
    profile.precision.value.map_or(0.0, expected_loss).max(profile.accuracy.max_loss.value)
}

/// Why a candidate cannot or may not be had, if so; the first thing that can be said.
pub(super) fn refusal(possible: &Possible<'_>, model: &ModelFacts, profile: &Profile) -> Option<Reason> {
    let Possible { candidate, device, .. } = possible;
    unwanted(possible, model, profile).or_else(|| {
        let native = device.precisions_native.contains(candidate.precision.set());
        let emulated = device.precisions_emulated.contains(candidate.precision.set());
        // A model that exists in 8 bits only is its own reference.
        let has_reference = model.files.iter().any(|file| file.precision != Precision::Int8);
        let expected = if has_reference { expected_loss(candidate.precision) } else { 0.0 };
        let most = loss_allowed(profile);
        if device.tier <= 0 {
            Some(Reason::Unfit { reason: device.reason.clone() })
        } else if native || (emulated && profile.allow_emulated.value) {
            (expected > most).then_some(Reason::Loss { expected, most })
        } else {
            Some(Reason::Precision { precision: candidate.precision, emulated })
        }
    })
}

/// What the profile wants instead, or forbids.
fn unwanted(possible: &Possible<'_>, model: &ModelFacts, profile: &Profile) -> Option<Reason> {
    let Possible { candidate, .. } = possible;
    let other = |key: &str, wanted: Option<&str>, found: &str, origin: &crate::Origin| {
        let wanted = wanted.filter(|&wanted| wanted != found)?;
        Some(format!("`{key}` is `{wanted}` ({origin})"))
    };
    let (backend, device, precision) = (&profile.backend, &profile.device, &profile.precision);
    let setting = other("backend", backend.value.named(), &candidate.backend, &backend.origin)
        .or_else(|| other("device", device.value.named(), &candidate.device, &device.origin))
        .or_else(|| {
            let wanted = precision.value.map(Precision::name);
            other("precision", wanted, candidate.precision.name(), &precision.origin)
        })
        .or_else(|| profile.limits.denies_backend(&candidate.backend))
        .or_else(|| profile.limits.denies_device(&[&candidate.device, device_word(candidate.kind)]));
    let may_not_be_made = profile.plan.artifacts.value == Artifacts::UseExisting;
    setting.map(|setting| Reason::Unwanted { setting }).or_else(|| {
        let target = candidate.file.target.as_ref().filter(|_| may_not_be_made)?;
        Some(Reason::NotMade { command: format!("drivetrain convert {} --to {target}", model.name) })
    })
}
