//! The best batch size and split of threads of a loop over an engine.

use std::path::Path;

use anyhow::{Context, Result};

use super::{site::Site, variant::Variant};
use crate::{
    arguments::EnginesArguments,
    entries::{Bare, Entry},
    race::{Outcome, Rules, race},
};

/// What was tried.
pub(super) struct Found {
    /// The fastest.
    pub(super) best: Bare,
    /// All, in the order of `outcomes`.
    pub(super) splits: Vec<Bare>,
    pub(super) outcomes: Vec<Outcome>,
}

/// Lets loops with every batch size and split take turns on a file of texts.
pub(super) fn search(site: &Site<'_>, variant: Variant, arguments: &EnginesArguments, texts: &Path) -> Result<Found> {
    let splits = splits(site.threads(), &arguments.batches);
    let entries: Vec<Entry> = splits.iter().map(|split| site.bare(variant, split)).collect();
    let rules = Rules { rounds: arguments.search_rounds.get(), patience: arguments.race.patience };
    let outcomes = race(&entries, texts, rules)?;
    let fastest = splits.iter().zip(&outcomes).max_by(|(_, a), (_, b)| a.speed.median.total_cmp(&b.speed.median));
    let best = fastest.map(|(split, _)| split.clone()).context("no batch size")?;
    Ok(Found { best, splits, outcomes })
}

/// Every batch size with all threads in one session, and with a session for each thread.
fn splits(threads: usize, batches: &[usize]) -> Vec<Bare> {
    let sessions = if threads > 1 { vec![1, threads] } else { vec![1] };
    let split = |sessions: usize, batch: usize| Bare { batch, sessions, threads: threads / sessions, extra: None };
    sessions.into_iter().flat_map(|sessions| batches.iter().map(move |&batch| split(sessions, batch))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_size_is_tried_with_one_session_and_with_many() {
        let names = |threads| splits(threads, &[1, 8]).iter().map(Bare::name).collect::<Vec<_>>();
        assert_eq!(names(2), ["bare 1x2 b1", "bare 1x2 b8", "bare 2x1 b1", "bare 2x1 b8"]);
        assert_eq!(names(1), ["bare 1x1 b1", "bare 1x1 b8"]);
    }
}
