//! Who runs contenders.

use std::time::Duration;

use drivetrain_contract::Result;
use serde::{Deserialize, Serialize};

use super::{Contender, Trial};

/// Loads contenders, one beside the other.
pub trait Stand<'s> {
    /// Loads one. The next one that is to be loaded may be begun with meanwhile.
    ///
    /// # Errors
    /// What keeps it from running, which ends its part in the race only;
    /// [`drivetrain_contract::ErrorKind::Cancelled`] ends the race.
    fn open(&mut self, contender: &Contender, next: Option<&Contender>) -> Result<Box<dyn Seat + 's>>;

    /// How many texts there are to run.
    fn n_texts(&self) -> usize;

    /// How many characters they have on average.
    fn chars_per_text(&self) -> f64;

    /// How long the race has been going on.
    fn elapsed(&self) -> Duration;

    /// Told what happens.
    fn observe(&mut self, step: Step<'_>);
}

/// A contender that is loaded.
pub trait Seat {
    /// The vectors of the texts that accuracy is judged by, of the first so many at the most.
    ///
    /// # Errors
    /// As [`Stand::open`].
    fn vectors(&mut self, most: usize) -> Result<Sampled>;

    /// Runs texts and says how long it took.
    ///
    /// # Errors
    /// As [`Stand::open`].
    fn lap(&mut self, lap: Lap) -> Result<Duration>;

    /// Most tokens in a batch where nothing else is asked for; `None` where batches are not of tokens.
    fn batch_tokens(&self) -> Option<usize>;

    /// Most bytes of main memory that its process has held so far, where that is known.
    fn peak_bytes(&mut self) -> Option<u64>;
}

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lap {
    /// The first so many texts.
    pub n_texts: usize,
    /// Most tokens in a batch; `None` is what the engine is fastest with.
    pub batch_tokens: Option<usize>,
}

/// Vectors of the same texts from every contender, each `[n, dim]`, row by row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// Numbers of each vector.
    pub dim: usize,
    /// Of all texts, in batches as they come.
    pub together: Vec<f32>,
    /// Of the first few, one after the other.
    pub alone: Vec<f32>,
    /// Of the texts of scored pairs: first and second of each in turn. Empty where there are none.
    pub pairs: Vec<f32>,
}

/// What happens in a race.
#[derive(Clone, Copy, Debug)]
pub enum Step<'s> {
    /// One is being loaded.
    Opening(&'s Contender),
    /// One is out, or through.
    Done(&'s Trial),
    /// So many run one lap after the other.
    Laps {
        /// How many are left.
        left: usize,
        /// Texts in each lap.
        n_texts: usize,
    },
}
