//! What each setting of ONNX Runtime does: first batch size and the split of threads, then the rest, one at a time.

use anyhow::{Context, Result};

use crate::{
    arguments::RaceArguments,
    entries::{Bare, Entry, Places},
    lengths::{self, Length},
    programs,
    race::{Outcome, race},
    report::Report,
};

/// Batch sizes tried.
const BATCHES: [usize; 7] = [32, 1, 2, 4, 8, 16, 64];

/// Settings tried one at a time; what the contestant does without them is the opposite.
const OTHERS: [(&str, &str); 7] = [
    ("--memory-pattern", "true"),
    ("--arena", "false"),
    ("--parallel", "true"),
    ("--io-binding", "true"),
    ("--spin", "true"),
    ("--all-outputs", "true"),
    ("--tokenise-inside", "true"),
];

/// Measures and prints everything.
pub(crate) fn run(arguments: &RaceArguments) -> Result<()> {
    let places = Places::new(&arguments.places)?;
    programs::build(["bench-bare-ort"])?;
    let mut report = Report::begin(places.threads, &arguments.places.runtime);
    let folder = tempfile::tempdir()?;
    for &length in &arguments.lengths {
        let mut texts = length.texts(arguments.data.as_deref())?;
        texts.truncate(arguments.limit.unwrap_or(enough(length)));
        let file = lengths::file_of(folder.path(), length.name(), texts)?;
        let race = |variants: &[Bare]| -> Result<Vec<Outcome>> {
            let entries: Vec<Entry> = variants.iter().map(|bare| places.bare(bare)).collect();
            race(&entries, &file, arguments.rules())
        };
        let splits = splits(places.threads);
        let outcomes = race(&splits)?;
        let best = outcomes.iter().zip(&splits).max_by(|(a, _), (b, _)| a.speed.median.total_cmp(&b.speed.median));
        let best = best.map(|(_, bare)| bare.clone()).context("no settings")?;
        report.add(&format!("{}, batch and threads", length.name()), outcomes);
        let others = OTHERS.iter().map(|&extra| Bare { extra: Some(extra), ..best.clone() });
        let others: Vec<Bare> = std::iter::once(best.clone()).chain(others).collect();
        report.add(&format!("{}, other settings", length.name()), race(&others)?);
    }
    report.finish(arguments.json.as_deref())
}

/// Texts that keep the whole short and still fill two sessions with the largest batch.
fn enough(length: Length) -> usize {
    match length {
        Length::Short => 1024,
        Length::Mid | Length::Long | Length::Mixed => 128,
    }
}

/// Every batch size with all threads in one session, and with a session for each thread.
fn splits(threads: usize) -> Vec<Bare> {
    let split = |sessions, batch| Bare { batch, sessions, threads: threads / sessions, extra: None };
    let mut splits: Vec<Bare> = BATCHES.map(|batch| split(1, batch)).into();
    if threads > 1 {
        splits.extend(BATCHES.map(|batch| split(threads, batch)));
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_uses_all_threads_and_the_base_comes_first() {
        for threads in [1, 2, 6] {
            let splits = splits(threads);
            assert!(splits.iter().all(|bare| bare.sessions * bare.threads == threads));
            assert_eq!((splits[0].sessions, splits[0].batch), (1, 32));
        }
        assert_eq!(splits(1).len(), BATCHES.len());
    }
}
