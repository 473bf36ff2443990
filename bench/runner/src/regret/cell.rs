//! A length of text and a goal, and the texts that it is measured with.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use protocol::Command;
use serde::{Serialize, Serializer};

use super::Kind;
use crate::{
    arguments::RegretArguments,
    child::Contestant,
    entries::Places,
    lengths::{self, Length},
};

/// What matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Goal {
    /// All texts at once
    Throughput,
    /// One text after the other, each by itself
    Latency,
}

/// A length of text and a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) length: Length,
    pub(crate) goal: Goal,
}

impl Goal {
    /// As profiles name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Goal::Throughput => "throughput",
            Goal::Latency => "latency",
        }
    }
}

/// `short:latency`
impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (length, goal) = text.split_once(':').ok_or("a cell is LENGTH:GOAL")?;
        let length = Length::from_str(length, false)?;
        if length == Length::Mixed {
            return Err("texts of all lengths have no length to plan by".to_owned());
        }
        Ok(Self { length, goal: Goal::from_str(goal, false)? })
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.length.name(), self.goal.name())
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Files of texts, no text in two of them.
#[derive(Debug)]
pub(super) struct Texts {
    /// For what is lost.
    pub(super) losses: PathBuf,
    /// For the search.
    pub(super) search: PathBuf,
    /// For the race.
    pub(super) race: PathBuf,
}

/// How many times as many texts are raced over as are searched with.
const RACE: usize = 2;

impl Texts {
    /// As many as the first kind takes the wanted time for.
    pub(super) fn of(
        cell: Cell,
        arguments: &RegretArguments,
        (places, kinds): (&Places, &[Kind]),
        folder: &Path,
    ) -> Result<Self> {
        let mut texts = cell.length.texts(arguments.data.as_deref())?;
        // Of few texts, something has to be left for what comes after.
        let mut take = |name: &str, count: usize| {
            let rest = texts.split_off(count.min(texts.len().div_ceil(2)));
            lengths::file_of(folder, &format!("{}-{name}", cell.length.name()), std::mem::replace(&mut texts, rest))
        };
        let losses = take("losses", for_losses(cell.length))?;
        let trial = take("trial", at_least(cell) / 2)?;
        let usual = kinds.first().context("nothing runs the model")?.usual(cell.goal, places.threads);
        let mut contestant = Contestant::start(&usual.entry(cell, places)?, &trial)?;
        contestant.order(&Command::Run)?;
        let (done, _) = contestant.order(&Command::Run)?;
        ensure!(done.texts > 0, "no texts");
        let count = (arguments.seconds * done.texts as f64 / done.seconds) as usize;
        let count = count.max(at_least(cell));
        Ok(Self { losses, search: take("search", count)?, race: take("race", RACE * count)? })
    }
}

/// Texts that show what is lost.
fn for_losses(length: Length) -> usize {
    match length {
        Length::Long => 64,
        _ => 256,
    }
}

/// Fewest texts that fill sessions side by side with large batches, or make up for one text being longer than another.
fn at_least(Cell { length, goal }: Cell) -> usize {
    match (goal, length) {
        (Goal::Throughput, Length::Short) => 400,
        (Goal::Throughput, _) => 32,
        (Goal::Latency, _) => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_they_are_written() {
        for text in ["short:throughput", "mid:latency", "long:latency"] {
            assert_eq!(text.parse::<Cell>().unwrap().to_string(), text);
        }
        for wrong in ["", "short", "short:", "mixed:latency", "tall:latency", "short:memory"] {
            assert!(wrong.parse::<Cell>().is_err(), "{wrong:?}");
        }
    }
}
