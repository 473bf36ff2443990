//! What each engine, precision and file loses against the first, f32.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use drivetrain_planner::accuracy::{Agreement, Vectors};
use protocol::Command;
use serde::Serialize;

use super::{Cell, Goal, Kind};
use crate::{agreement, child::Contestant, entries::Places, lengths::Length};

/// Those that run, each with how alike its vectors are to those of the first.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Losses(pub(super) Vec<(Kind, Agreement)>);

impl Losses {
    /// Of texts in a file. What cannot be run is left out and said so.
    pub(super) fn measure(kinds: &[Kind], places: &Places, texts: &Path) -> Result<Self> {
        let mut reference: Option<(Vec<f32>, usize)> = None;
        let mut losses = Vec::new();
        for kind in kinds {
            let vectors = match embed(kind, places, texts) {
                Ok(vectors) => vectors,
                Err(err) => {
                    println!("{kind} is left out: {err:#}");
                    continue;
                }
            };
            let (base, dim) = reference.get_or_insert_with(|| vectors.clone());
            let agreement = Agreement::of(Vectors::new(base, *dim)?, Vectors::new(&vectors.0, vectors.1)?)?;
            losses.push((kind.clone(), agreement));
        }
        ensure!(!losses.is_empty(), "nothing runs the model");
        Ok(Self(losses))
    }

    /// All that run.
    pub(super) fn runnable(&self) -> Vec<Kind> {
        self.0.iter().map(|(kind, _)| kind.clone()).collect()
    }

    /// What one of them loses.
    pub(super) fn of(&self, kind: &Kind) -> Option<&Agreement> {
        self.0.iter().find(|(other, _)| other == kind).map(|(_, agreement)| agreement)
    }
}

fn embed(kind: &Kind, places: &Places, texts: &Path) -> Result<(Vec<f32>, usize)> {
    let cell = Cell { length: Length::Short, goal: Goal::Throughput };
    let mut contestant = Contestant::start(&kind.usual(cell.goal, places.threads).entry(cell, places)?, texts)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vectors");
    contestant.order(&Command::Write(file.clone()))?;
    let vectors = agreement::read(&file).context("no vectors")?;
    Ok((vectors, contestant.ready().dim))
}
