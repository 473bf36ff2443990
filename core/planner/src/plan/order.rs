//! The order in which to try candidates.

use drivetrain_contract::{DeviceKind, Precision};

use super::{budget::expected_loss, candidate::Possible};
use crate::rules::{Choice, Walk};

/// The rules' first choice that a candidate is, and its place among all of them.
pub(super) fn named<'w>(possible: &Possible<'_>, walk: Option<&'w Walk>) -> Option<(usize, &'w Choice)> {
    walk?.choices().enumerate().find(|(_, choice)| is(possible, choice))
}

fn is(possible: &Possible<'_>, choice: &Choice) -> bool {
    possible.candidate.is(choice)
        && choice.input.is_none_or(|input| possible.device.capabilities.contains(input.capability()))
}

/// Sorts candidates, the one to try first in front. What the rules name comes in their order; then what is most like the
/// reference, on the device that engines prefer. Within either, a file that is there comes before one that is still to
/// be made; but of files in 8 bits first the one in the format that the engine prefers, since such a graph is made for
/// one engine and slow on another. Releases of an engine that are not loaded by themselves come last of all.
pub(super) fn sort(candidates: &mut [Possible<'_>], walk: Option<&Walk>) {
    candidates.sort_by_key(|possible| {
        let candidate = &possible.candidate;
        let rank = named(possible, walk).map_or(usize::MAX, |(rank, _)| rank);
        // Losses are small shares: whole numbers keep their order.
        let loss = (expected_loss(candidate.precision) * 1e6) as u64;
        let format = if candidate.precision == Precision::Int8 { -possible.format.preference } else { 0 };
        let other_kind = candidate.kind != DeviceKind::Gpu;
        (
            candidate.release.is_some(),
            rank,
            loss,
            -possible.device.tier,
            other_kind,
            format,
            candidate.file.target.is_some(),
            -possible.format.preference,
        )
    });
}
