//! What each precision loses on texts that people scored, beside how far its vectors are from those in f32.
//!
//! Where nobody scored any texts, Drivetrain expects a loss from how differently a candidate orders the similarities of
//! texts (`LOSS_PER_RANK_LOSS` of the planner). Here both are measured: with every engine and precision that is
//! installed, and with artificial errors of many sizes put into the vectors in f32.

mod few;
mod material;
mod measure;
mod spoiled;
mod table;

use std::path::Path;

use anyhow::{Context, Result};
use protocol::Command;
use serde::Serialize;

use self::{
    few::Few,
    material::Material,
    measure::{Row, Stand},
};
use crate::{
    agreement,
    arguments::AccuracyArguments,
    child::Contestant,
    engines::Site,
    entries::{Entry, Places},
    lengths, report,
};

/// Everything measured.
#[derive(Debug, Serialize)]
struct Measured {
    /// What the others are compared with.
    reference: String,
    engines: Vec<Row>,
    artificial: Vec<Row>,
    few: Vec<Few>,
}

/// Measures and prints everything.
pub(crate) fn run(arguments: &AccuracyArguments) -> Result<()> {
    let places = Places::new(&arguments.places)?;
    let site = Site::find(&places);
    let variants = site.variants(|_| true);
    site.build(&[])?;
    let material = Material::read(&arguments.pairs, &arguments.retrieval)?;
    let folder = tempfile::tempdir()?;
    let file = lengths::file_of(folder.path(), "texts", material.texts.clone())?;
    let entries: Vec<Entry> = variants.iter().map(|&variant| site.drivetrain(variant, "")).collect();
    let (first, others) = entries.split_first().context("no engine")?;
    let (reference, dim) = embed(first, &file, folder.path())?;
    let stand = Stand::new(&material, &reference, dim)?;
    let mut measured =
        Measured { reference: first.name.clone(), engines: Vec::new(), artificial: Vec::new(), few: Vec::new() };
    for entry in others {
        let (vectors, _) = embed(entry, &file, folder.path())?;
        measured.engines.push(stand.measure(&entry.name, &vectors)?);
        measured.few.extend(few::measure(&entry.name, (&reference, &vectors), dim)?);
    }
    for (name, vectors) in spoiled::all(&reference, dim) {
        measured.artificial.push(stand.measure(&name, &vectors)?);
    }
    table::print(&material, &stand, &measured);
    arguments.json.as_deref().map_or(Ok(()), |path| report::write_json(path, &measured))
}

/// The vectors of all texts, and how many numbers each has.
fn embed(entry: &Entry, texts: &Path, folder: &Path) -> Result<(Vec<f32>, usize)> {
    eprintln!("{}", entry.name);
    let mut contestant = Contestant::start(entry, texts)?;
    let file = folder.join("vectors");
    contestant.order(&Command::Write(file.clone()))?;
    Ok((agreement::read(&file)?, contestant.ready().dim))
}
