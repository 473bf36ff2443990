//! What a set of vectors loses against those in f32, and how alike the two are.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use drivetrain_planner::accuracy::{Agreement, Vectors, pairs_loss};
use serde::Serialize;

use super::material::{Material, Scored};
use crate::random::Random;

/// How often pairs are drawn again to see how much their choice matters.
const DRAWS: usize = 200;

/// One way to make vectors.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    /// On the texts that nobody scored.
    pub(super) sample: Agreement,
    /// On each of the scored sets.
    pub(super) sets: Vec<Loss>,
}

/// What it loses on one set.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Loss {
    pub(super) set: String,
    /// On the texts of the set, whatever their scores.
    pub(super) agreement: Agreement,
    pub(super) quality: f64,
    /// Share of the reference's quality.
    pub(super) loss: f64,
    /// Deviation of that share with other pairs of the same kind.
    pub(super) deviation: f64,
}

impl Loss {
    /// Whether more was lost than chance explains: of a hundred losses one is 2.5 deviations off, of a thousand 3.
    pub(super) fn is_certain(&self) -> bool {
        self.loss > 3.0 * self.deviation
    }
}

/// The reference, which all others are measured against.
#[derive(Debug)]
pub(super) struct Stand<'a> {
    material: &'a Material,
    reference: &'a [f32],
    dim: usize,
    /// What the reference says of each set's pairs.
    judged: Vec<Vec<f64>>,
    /// Its quality on each set.
    pub(super) qualities: Vec<f64>,
}

impl<'a> Stand<'a> {
    pub(super) fn new(material: &'a Material, reference: &'a [f32], dim: usize) -> Result<Self> {
        ensure!(Some(reference.len()) == material.texts.len().checked_mul(dim), "not every text has a vector");
        let mut stand = Self { material, reference, dim, judged: Vec::new(), qualities: Vec::new() };
        for set in &material.sets {
            let judged = set.judged(stand.part(reference, &set.texts)?)?;
            let all: Vec<usize> = (0..judged.len()).collect();
            stand.qualities.push(set.quality(&judged, &all).with_context(|| format!("`{}` says nothing", set.name))?);
            stand.judged.push(judged);
        }
        Ok(stand)
    }

    /// Vectors of all texts, by something else.
    pub(super) fn measure(&self, name: &str, vectors: &[f32]) -> Result<Row> {
        ensure!(vectors.len() == self.reference.len(), "`{name}` gives vectors of another shape");
        let sample = self.agreement(vectors, &self.material.sample)?;
        let sets = self.material.sets.iter().enumerate().map(|(idx, set)| self.loss(vectors, idx, set));
        Ok(Row { name: name.to_owned(), sample, sets: sets.collect::<Result<_>>()? })
    }

    fn loss(&self, vectors: &[f32], idx: usize, set: &Scored) -> Result<Loss> {
        let (base, judged) = (&self.judged[idx], set.judged(self.part(vectors, &set.texts)?)?);
        let lost = |some: &[usize]| {
            let (reference, quality) = (set.quality(base, some)?, set.quality(&judged, some)?);
            pairs_loss(reference, quality).ok().map(|loss| (quality, loss))
        };
        let all: Vec<usize> = (0..judged.len()).collect();
        let (quality, loss) = lost(&all).with_context(|| format!("`{}` says nothing", set.name))?;
        let mut random = Random::new();
        let mut draw = || lost(&all.iter().map(|_| random.below(all.len())).collect::<Vec<_>>());
        let losses: Vec<f64> = (0..DRAWS).filter_map(|_| Some(draw()?.1)).collect();
        let agreement = self.agreement(vectors, &set.texts)?;
        Ok(Loss { set: set.name.clone(), agreement, quality, loss, deviation: deviation(&losses) })
    }

    fn agreement(&self, vectors: &[f32], texts: &Range<usize>) -> Result<Agreement> {
        Ok(Agreement::of(self.part(self.reference, texts)?, self.part(vectors, texts)?)?)
    }

    fn part<'v>(&self, vectors: &'v [f32], texts: &Range<usize>) -> Result<Vectors<'v>> {
        Ok(Vectors::new(&vectors[texts.start * self.dim..texts.end * self.dim], self.dim)?)
    }
}

fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations() {
        assert_eq!(deviation(&[1.0, 3.0]), 1.0);
        assert_eq!(deviation(&[]), 0.0);
    }
}
