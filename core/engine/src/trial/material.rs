//! What contenders are run on, and judged by.

use drivetrain_contract::Result;
use drivetrain_convert::check::sample_texts;
use drivetrain_planner::Profile;
use serde::{Deserialize, Serialize};

use super::{Lengths, supply};
use crate::report::Pair;

/// Texts that vectors are compared on; what accuracy is known by beyond that is worth no more time.
const JUDGED: usize = 256;
/// Characters of such a text at the most: more takes time and shows nothing new.
const JUDGED_CHARS: usize = 1200;
/// Texts that are run alone as well.
const ALONE: usize = 16;

/// What contenders are run on, and judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Material {
    /// Texts of laps.
    laps: Vec<String>,
    /// Texts whose vectors are compared.
    judged: Vec<String>,
    /// How many of those are run alone as well.
    n_alone: usize,
    /// First and second text of each scored pair in turn.
    pairs: Vec<String>,
    /// What people gave to each pair.
    scores: Vec<f64>,
}

impl Material {
    /// What a profile says: texts from its sample, or of its length from what the program has with it; and its scored
    /// pairs.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] and [`drivetrain_contract::ErrorKind::Invalid`] for files that cannot be
    /// read.
    pub fn of(profile: &Profile) -> Result<Self> {
        let judged = || sample_texts().map(|text| cut(text).to_owned()).collect::<Vec<String>>();
        let (laps, judged) = match Lengths::of(profile) {
            Lengths::Sample(path) => {
                let texts = super::sample::read(&path)?;
                let every = texts.len().div_ceil(JUDGED).max(1);
                let own: Vec<String> = texts.iter().step_by(every).map(|text| cut(text).to_owned()).collect();
                // A handful of texts is in no order that could be lost.
                let judged = if own.len() * 4 >= JUDGED { own } else { own.into_iter().chain(judged()).collect() };
                (texts, judged)
            }
            Lengths::About(chars) => (supply::texts(Some(chars)), judged()),
            Lengths::Unknown => (supply::texts(None), judged()),
        };
        let pairs = profile.accuracy.pairs.value.as_deref().map_or(Ok(Vec::new()), Pair::read_all)?;
        let scores = pairs.iter().map(|pair| pair.score).collect();
        let pairs = pairs.into_iter().flat_map(|Pair { a, b, .. }| [a, b]).collect();
        Ok(Self { n_alone: ALONE.min(judged.len()), laps, judged, pairs, scores })
    }

    /// Texts of laps.
    pub fn laps(&self) -> &[String] {
        &self.laps
    }

    /// Characters of a text of laps on average.
    pub fn chars_per_text(&self) -> f64 {
        let all: usize = self.laps.iter().map(String::len).sum();
        all as f64 / self.laps.len().max(1) as f64
    }

    /// What people gave to each scored pair.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Texts whose vectors are compared.
    pub(super) fn judged(&self) -> &[String] {
        &self.judged
    }

    /// Those that are run alone as well.
    pub(super) fn alone(&self) -> &[String] {
        &self.judged[..self.n_alone.min(self.judged.len())]
    }

    /// First and second text of each scored pair in turn.
    pub(super) fn pairs(&self) -> &[String] {
        &self.pairs
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(JUDGED_CHARS)]
}
