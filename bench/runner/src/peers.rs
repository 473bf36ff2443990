//! Drivetrain beside the engine alone and beside other libraries.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, ensure};

use crate::{
    arguments::PeersArguments,
    entries::{Bare, Entry, Places},
    lengths::{self, Length},
    programs,
    race::race,
    report::Report,
};

/// The static package both libraries read: Drivetrain's built-in model.
const STATIC_PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../core/engine/builtin");
/// Static embeddings are so fast that thousands of texts take no time; these take some.
const MOST_STATIC_TEXTS: usize = 200_000;
const MOST_STATIC_BYTES: usize = 128 << 20;

/// Measures and prints everything.
pub(crate) fn run(arguments: &PeersArguments) -> Result<()> {
    let common = &arguments.race;
    let places = Places::new(&common.places)?;
    let package = Path::new(STATIC_PACKAGE).canonicalize()?;
    let statics = chosen(vec![places.drivetrain_static(&package), places.model2vec(&package)], &arguments.only);
    let races: Vec<(Length, Vec<Entry>)> = common
        .lengths
        .iter()
        .map(|&length| (length, chosen(transformers(&places, length, &arguments.profile), &arguments.only)))
        .collect();
    let entries = || races.iter().flat_map(|(_, entries)| entries).chain(&statics);
    ensure!(entries().next().is_some(), "no contestant has such a name");
    let programs: BTreeSet<&str> = entries().map(|entry| entry.program).collect();
    programs::build(programs)?;
    let mut report = Report::begin(places.threads, &common.places.runtime);
    let folder = tempfile::tempdir()?;
    for (length, transformers) in &races {
        let mut texts = length.texts(common.data.as_deref())?;
        if !statics.is_empty() {
            let many = lengths::multiply(&texts, MOST_STATIC_TEXTS, MOST_STATIC_BYTES);
            let file = lengths::file_of(folder.path(), "static", many)?;
            report.add(&format!("{}, static embeddings", length.name()), race(&statics, &file, common.rules())?);
        }
        if !transformers.is_empty() {
            texts.truncate(common.limit.unwrap_or(enough(*length)));
            let file = lengths::file_of(folder.path(), length.name(), texts)?;
            let outcomes = race(transformers, &file, common.rules())?;
            report.add(&format!("{}, {}", length.name(), common.places.model), outcomes);
        }
    }
    report.finish(common.json.as_deref())
}

/// Drivetrain first, then loops by hand at their best, and other libraries.
fn transformers(places: &Places, length: Length, profile: &str) -> Vec<Entry> {
    let bare = |sessions, batch| Bare { batch, sessions, threads: places.threads / sessions, extra: None };
    let best = bare(places.threads, best_batch(length));
    let inside = Bare { extra: Some(("--tokenise-inside", "true")), ..best.clone() };
    let mut entries = vec![places.drivetrain(profile), places.bare(&best), places.bare(&inside)];
    if places.threads > 1 {
        entries.push(places.bare(&bare(1, 8)));
    }
    entries.extend([places.fastembed(None), places.fastembed(Some(32))]);
    entries.extend(places.drivetrain_int8());
    entries
}

/// The batch size that was best for sessions of one thread, as the command `settings` finds it.
fn best_batch(length: Length) -> usize {
    match length {
        Length::Short => 32,
        Length::Mid => 2,
        Length::Long => 1,
        Length::Mixed => 4,
    }
}

/// Those of these names, and the first one, which they are compared with; none if none is named.
fn chosen(entries: Vec<Entry>, only: &[String]) -> Vec<Entry> {
    let named = |entry: &Entry| only.is_empty() || only.contains(&entry.name);
    if !entries.iter().any(named) {
        return Vec::new();
    }
    let mut first = true;
    entries.into_iter().filter(|entry| std::mem::take(&mut first) || named(entry)).collect()
}

/// Texts that keep the whole within a quarter of an hour on two cores.
fn enough(length: Length) -> usize {
    match length {
        Length::Short => 2000,
        Length::Mid => 300,
        Length::Long => 100,
        Length::Mixed => 400,
    }
}
