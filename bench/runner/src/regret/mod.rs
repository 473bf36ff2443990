//! What it costs to trust a plan: how fast its choice is beside the best of everything there is.
//!
//! A cell is a length of text and a goal. In each, every engine, precision, file, split of threads and size of batch is
//! timed once, briefly. The five that came out best within each budget of loss, and what the published rules and the
//! tuner pick for it, are then raced on texts that nobody has seen before: the best of many brief measurements is mostly
//! the luckiest. What each precision loses is measured on texts of its own as well.

mod budget;
mod cell;
mod folder;
mod losses;
mod pick;
mod search;
mod table;
mod verdict;
mod way;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::{
    budget::Budget,
    cell::{Cell, Goal},
};
use self::{
    cell::Texts,
    losses::Losses,
    pick::{Pick, Planner},
    search::{Tried, search},
    verdict::Row,
    way::{Kind, Way},
};
use crate::{
    arguments::RegretArguments,
    entries::Places,
    programs,
    race::{Outcome, Rules, race},
    report,
};

/// The best of the search that are measured again.
const AGAIN: usize = 5;

/// One cell, measured.
#[derive(Debug, Serialize)]
struct Measured {
    cell: Cell,
    /// What each engine, precision and file loses.
    losses: Losses,
    /// Everything, as the search found it.
    tried: Vec<Tried>,
    picks: Vec<Pick>,
    /// What was raced at the end.
    raced: Vec<Way>,
    outcomes: Vec<Outcome>,
    rows: Vec<Row>,
}

/// Measures and prints everything.
pub(crate) fn run(arguments: &RegretArguments) -> Result<()> {
    let places = Places::new(&arguments.places)?;
    programs::build(["bench-drivetrain"])?;
    let planner = Planner::new(arguments, &places)?;
    let kinds = planner.kinds()?;
    let folder = tempfile::tempdir()?;
    let mut cells: Vec<Measured> = Vec::new();
    for &cell in &arguments.cells {
        eprintln!("{cell}");
        let known = cells.iter().find(|other| other.cell.length == cell.length).map(|other| other.losses.clone());
        let stand = Stand { arguments, places: &places, planner: &planner, folder: folder.path() };
        let measured = stand.measure(cell, &kinds, known)?;
        table::print(&measured);
        cells.push(measured);
    }
    table::print_summary(&cells);
    arguments.json.as_deref().map_or(Ok(()), |path| report::write_json(path, &cells))
}

/// What stays the same from cell to cell.
struct Stand<'a> {
    arguments: &'a RegretArguments,
    places: &'a Places,
    planner: &'a Planner<'a>,
    folder: &'a Path,
}

impl Stand<'_> {
    fn measure(&self, cell: Cell, kinds: &[Kind], known: Option<Losses>) -> Result<Measured> {
        let Self { arguments, places, planner, folder } = self;
        let texts = Texts::of(cell, arguments, (places, kinds), folder)?;
        let losses = known.map_or_else(|| Losses::measure(kinds, places, &texts.losses), Ok)?;
        let tried = search(&losses.runnable(), cell, (places, &texts.search), arguments.search_rounds.get())?;
        let picks = planner.picks(cell, kinds)?;
        let raced = verdict::to_race(&arguments.budgets, &losses, &tried, &picks);
        let rules = Rules { rounds: arguments.rounds.get(), patience: arguments.patience };
        let entries: Vec<_> = raced.iter().map(|way| way.entry(cell, places)).collect::<Result<_>>()?;
        let outcomes = race(&entries, &texts.race, rules)?;
        let rows = verdict::rows(&arguments.budgets, &losses, &picks, (&raced, &outcomes));
        Ok(Measured { cell, losses, tried, picks, raced, outcomes, rows })
    }
}
