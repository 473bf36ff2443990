//! Why a candidate cannot or may not be had, whatever it loses.

use drivetrain_contract::Precision;

use super::{ModelFacts, Reason, candidate::Possible};
use crate::{Artifacts, Profile, rules::device_word};

/// Tier of devices that are there and work, and that nobody is to be given who does not ask for them.
const DISCOURAGED: i32 = 1;

/// Why a candidate cannot or may not be had, if so; the first thing that can be said.
pub(super) fn refusal(possible: &Possible<'_>, model: &ModelFacts, profile: &Profile) -> Option<Reason> {
    let Possible { candidate, device, .. } = possible;
    let obstacle = model.obstacle.as_ref().filter(|_| model.is_obstructed(&candidate.file));
    let obstructed = || obstacle.map(|obstacle| Reason::Architecture(obstacle.clone()));
    unwanted(possible, model, profile).or_else(obstructed).or_else(|| {
        let native = device.precisions_native.contains(candidate.precision.set());
        let emulated = device.precisions_emulated.contains(candidate.precision.set());
        if device.tier <= 0 {
            Some(Reason::Unfit { reason: device.reason.clone() })
        } else if device.tier <= DISCOURAGED && profile.device.value.named().is_none() {
            Some(Reason::Discouraged { reason: device.reason.clone() })
        } else if native || (emulated && profile.allow_emulated.value) {
            None
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
    let not_made = || {
        let target = candidate.file.target.as_ref().filter(|_| may_not_be_made)?;
        Some(Reason::NotMade { command: format!("drivetrain convert {} --to {target}", model.name) })
    };
    let unwanted = setting.map(|setting| Reason::Unwanted { setting });
    unwanted.or_else(not_made).or_else(|| profile.limits.refuses_file(&candidate.file, model.room))
}
