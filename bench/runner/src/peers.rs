//! Drivetrain beside the engine alone and beside other libraries.

use std::path::Path;

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
const MOST_STATIC_BYTES: usize = 32 << 20;

/// Measures and prints everything.
pub(crate) fn run(arguments: &PeersArguments) -> Result<()> {
    let common = &arguments.race;
    let places = Places::new(common)?;
    let package = Path::new(STATIC_PACKAGE).canonicalize()?;
    let transformers = chosen(transformers(&places, &arguments.profile), &arguments.only);
    let statics = chosen(vec![places.drivetrain_static(&package), places.model2vec(&package)], &arguments.only);
    ensure!(transformers.len() + statics.len() > 0, "none of these contestants exists");
    let mut programs: Vec<&str> = transformers.iter().chain(&statics).map(|entry| entry.program).collect();
    programs.sort_unstable();
    programs.dedup();
    programs::build(programs)?;
    let mut report = Report::begin(places.threads, &common.runtime);
    let folder = tempfile::tempdir()?;
    for &length in &common.lengths {
        let mut texts = length.texts(common.data.as_deref())?;
        if !statics.is_empty() {
            let many = lengths::multiply(&texts, MOST_STATIC_TEXTS, MOST_STATIC_BYTES);
            let file = lengths::file_of(folder.path(), "static", many)?;
            report.add(&format!("{}, static embeddings", length.name()), race(&statics, &file, common.rules())?);
        }
        if !transformers.is_empty() {
            texts.truncate(common.limit.unwrap_or(enough(length)));
            let file = lengths::file_of(folder.path(), length.name(), texts)?;
            let outcomes = race(&transformers, &file, common.rules())?;
            report.add(&format!("{}, {}", length.name(), common.model), outcomes);
        }
    }
    report.finish(common.json.as_deref())
}

/// Drivetrain first; the loops have the settings that were best for some length.
fn transformers(places: &Places, profile: &str) -> Vec<Entry> {
    let bare = |sessions, batch| Bare { batch, sessions, threads: places.threads / sessions, extra: None };
    let inside = Some(("--tokenise-inside", "true"));
    let mut entries = vec![places.drivetrain(profile), places.bare(&bare(1, 32)), places.bare(&bare(1, 8))];
    if places.threads > 1 {
        entries.push(places.bare(&bare(places.threads, 8)));
        entries.push(places.bare(&Bare { extra: inside, ..bare(places.threads, 8) }));
    }
    entries.extend([places.fastembed(None), places.fastembed(Some(32))]);
    entries
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
