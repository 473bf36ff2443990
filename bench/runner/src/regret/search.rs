//! Everything there is, timed briefly.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    Cell, Kind,
    way::{Shape, Way},
};
use crate::{
    entries::{Entry, Places},
    race::{Rules, race},
};

/// Contestants that are loaded at the same time, the one that all are compared with included.
const TOGETHER: usize = 8;

/// One way to run the model, timed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tried {
    pub(super) way: Way,
    /// How many times as fast as the first it was, each in its best round.
    pub(super) speed: f64,
}

/// Every kind in every shape, a few at a time in turn with the first.
pub(super) fn search(
    kinds: &[Kind],
    cell: Cell,
    (places, texts): (&Places, &Path),
    rounds: usize,
) -> Result<Vec<Tried>> {
    let shapes = Shape::all(cell.goal, places.threads);
    let with_shapes = |kind: &Kind| shapes.iter().map(|&shape| Way { kind: kind.clone(), shape }).collect::<Vec<_>>();
    let ways: Vec<Way> = kinds.iter().flat_map(with_shapes).collect();
    let (first, others) = ways.split_first().context("nothing runs the model")?;
    let mut tried = vec![Tried { way: first.clone(), speed: 1.0 }];
    for some in others.chunks(TOGETHER - 1) {
        let entries = std::iter::once(first).chain(some).map(|way| way.entry(cell, places));
        let entries: Vec<Entry> = entries.collect::<Result<_>>()?;
        let outcomes = race(&entries, texts, Rules { rounds, patience: 0 })?;
        let speeds = outcomes.iter().skip(1).map(|outcome| outcome.speed_at_best);
        tried.extend(some.iter().zip(speeds).map(|(way, speed)| Tried { way: way.clone(), speed }));
    }
    tried.sort_by(|a, b| b.speed.total_cmp(&a.speed));
    Ok(tried)
}
