//! What each engine loses when all others are loaded and used in the same process.

use anyhow::Result;

use crate::{
    arguments::RaceArguments,
    engines::{Precision, Site, Variant},
    entries::{Entry, Places},
    lengths::{self, Length},
    race::race,
    report::{Ratio, Report},
};

/// What is left of its speed.
const GOAL: f64 = 0.95;

/// Measures and prints everything.
pub(crate) fn run(arguments: &RaceArguments) -> Result<()> {
    let places = Places::new(&arguments.places)?;
    let site = Site::find(&places);
    let variants = site.variants(|variant| variant.precision == Precision::F32);
    site.build(&[])?;
    let mut report = Report::begin(places.threads, &arguments.places.runtime);
    let folder = tempfile::tempdir()?;
    let entries: Vec<Entry> = variants
        .iter()
        .flat_map(|&variant| {
            let alone = site.drivetrain(variant, "");
            [alone.clone(), among(alone, &site, variants.iter().filter(|&&other| other != variant))]
        })
        .collect();
    for &length in &arguments.lengths {
        let mut texts = length.texts(arguments.data.as_deref())?;
        texts.truncate(arguments.limit.unwrap_or(enough(length)));
        let file = lengths::file_of(folder.path(), length.name(), texts)?;
        let outcomes = race(&entries, &file, arguments.rules())?;
        let ratios = variants.iter().zip(outcomes.chunks_exact(2)).filter_map(|(variant, pair)| {
            let name = format!("{variant}, among the others ÷ alone");
            Ratio::new(name, &pair[1], &pair[0], Some(GOAL))
        });
        let ratios = ratios.collect();
        report.add(&format!("{}, engines in one process", length.name()), outcomes);
        report.add_ratios(&format!("{}, in one process", length.name()), ratios);
    }
    report.finish(arguments.json.as_deref())
}

/// The same with other engines in its process, the static one among them.
fn among<'a>(mut entry: Entry, site: &Site<'_>, others: impl Iterator<Item = &'a Variant>) -> Entry {
    entry.name += " among all";
    let profiles = others.map(|&other| site.profile(other, "")).chain(["model = \"builtin\"\n".to_owned()]);
    entry.arguments.extend(profiles.flat_map(|profile| ["--also".into(), profile.into()]));
    entry
}

/// Texts that keep the whole within some minutes on two cores.
fn enough(length: Length) -> usize {
    match length {
        Length::Short => 1500,
        Length::Mid => 200,
        Length::Long => 100,
        Length::Mixed => 300,
    }
}
