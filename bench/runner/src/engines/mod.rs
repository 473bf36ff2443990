//! Every engine in every precision: Drivetrain beside a loop over the engine alone, and the engines beside each other.
//!
//! For each length of text, first the best batch size and split of threads of each loop is looked for; then Drivetrain
//! and the loop at its best take turns, all engines in one race: the loop with tokenising inside the measured time, and
//! with texts that were tokenised before. Last comes the memory that one batch takes.

mod memory;
mod ratios;
mod search;
mod site;
mod variant;

use std::path::Path;

use anyhow::Result;

use crate::{
    arguments::EnginesArguments,
    entries::{Bare, Entry, Places},
    lengths::{self, Length},
    race::race,
    report::Report,
};

pub(crate) use self::{
    site::Site,
    variant::{Engine, Precision, Variant},
};

/// Measures and prints everything.
pub(crate) fn run(arguments: &EnginesArguments) -> Result<()> {
    let common = &arguments.race;
    let places = Places::new(&common.places)?;
    let site = Site::find(&places);
    let variants = site.variants(|variant| chosen(arguments, variant));
    site.build(&variants)?;
    let mut report = Report::begin(places.threads, &common.places.runtime);
    let folder = tempfile::tempdir()?;
    let engines = Engines { site: &site, variants: &variants, arguments, folder: folder.path() };
    for &length in &common.lengths {
        engines.race(length, &mut report)?;
    }
    let measured = memory::measure(&site, &variants, folder.path(), common.data.as_deref())?;
    report.add_memory("Drivetrain with one session, loaded, one batch of 8 texts of middle length", measured);
    report.finish(common.json.as_deref())
}

/// Everything that stays the same from length to length.
struct Engines<'a> {
    site: &'a Site<'a>,
    variants: &'a [Variant],
    arguments: &'a EnginesArguments,
    folder: &'a Path,
}

impl Engines<'_> {
    fn race(&self, length: Length, report: &mut Report) -> Result<()> {
        let common = &self.arguments.race;
        let mut texts = length.texts(common.data.as_deref())?;
        texts.truncate(common.limit.unwrap_or(RACE * enough(length)));
        let few = texts[..texts.len().min(enough(length))].to_vec();
        let few = lengths::file_of(self.folder, &format!("{}-few", length.name()), few)?;
        let file = lengths::file_of(self.folder, length.name(), texts)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut streams = Vec::new();
        for &variant in self.variants {
            let found = search::search(self.site, variant, self.arguments, &few)?;
            report.add(&format!("{}, {variant}, batch and threads", length.name()), found.outcomes.clone());
            streams.extend(ratios::of_streams(variant, &found));
            entries.push(self.site.drivetrain(variant, &self.arguments.pipeline));
            let inside = Bare { extra: Some(TOKENISE_INSIDE), ..found.best.clone() };
            entries.push(self.site.bare(variant, &inside));
            entries.push(self.site.bare(variant, &found.best));
        }
        report
            .add_ratios(&format!("{}, a session for each thread at its best over one session", length.name()), streams);
        let outcomes = race(&entries, &file, common.rules())?;
        let ratios = ratios::of_race(self.variants, &outcomes);
        report.add(&format!("{}, {}", length.name(), common.places.model), outcomes);
        report.add_ratios(&format!("{}, speed", length.name()), ratios);
        Ok(())
    }
}

/// Whether a variant is to be measured; the first always is, for the others are compared with it.
fn chosen(arguments: &EnginesArguments, variant: Variant) -> bool {
    let EnginesArguments { engines, precisions, .. } = arguments;
    variant == Variant::ALL[0]
        || ((engines.is_empty() || engines.contains(&variant.engine))
            && (precisions.is_empty() || precisions.contains(&variant.precision)))
}

/// The setting of a loop that begins with texts, as everybody else has to.
const TOKENISE_INSIDE: (&str, &str) = ("--tokenise-inside", "true");

/// How many times as many texts are raced over as are searched with: where a pass takes less than a second, how the work
/// begins and ends is most of what is seen.
const RACE: usize = 4;

/// Texts that keep the search short and still fill two sessions with the largest batch.
fn enough(length: Length) -> usize {
    match length {
        Length::Short => 1024,
        Length::Mid | Length::Long | Length::Mixed => 128,
    }
}
