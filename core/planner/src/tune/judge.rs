//! How a contender's vectors compare with the reference's.

use drivetrain_contract::{Error, Result};

use super::{Figures, Sampled};
use crate::accuracy::{Agreement, Vectors, largest_difference, pair_similarities, pairs_loss, spearman};

/// How the vectors of a contender compare with the reference's, and with each other. `scores` are those that people gave
/// to the pairs; without any, pairs do not count.
///
/// # Errors
/// Where the two are not of the same texts, or have numbers that are not finite.
pub(super) fn judge(reference: &Sampled, contender: &Sampled, scores: &[f64]) -> Result<Figures> {
    let together = contender.together()?;
    let pairs_loss = match scores {
        [] => None,
        scores => Some(pairs_loss(reference.spearman(scores)?, contender.spearman(scores)?)?),
    };
    Ok(Figures {
        agreement: Some(Agreement::of(reference.together()?, together)?),
        pairs_loss,
        ..Figures { batch_difference: contender.batch_difference()?, ..Figures::default() }
    })
}

/// Makes sure that the reference ranks scored pairs as people do, somewhat at least. Without pairs there is nothing to see.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] where it does not.
pub(super) fn check_pairs(reference: &Sampled, scores: &[f64]) -> Result<()> {
    if scores.is_empty() {
        return Ok(());
    }
    let own = reference.spearman(scores)?;
    pairs_loss(own, own).map(|_| ())
}

impl Sampled {
    fn together(&self) -> Result<Vectors<'_>> {
        Vectors::new(&self.together, self.dim)
    }

    /// Largest difference between a text alone and the same text among others; `None` where none was run alone.
    pub(super) fn batch_difference(&self) -> Result<Option<f64>> {
        let among = self.together.get(..self.alone.len());
        let among = among.ok_or_else(|| Error::internal("more texts were run alone than together"))?;
        if among.is_empty() {
            return Ok(None);
        }
        let (alone, among) = (Vectors::new(&self.alone, self.dim)?, Vectors::new(among, self.dim)?);
        Ok(Some(f64::from(largest_difference(alone, among)?)))
    }

    fn spearman(&self, scores: &[f64]) -> Result<f64> {
        let similarities = pair_similarities(Vectors::new(&self.pairs, self.dim)?)?;
        if similarities.len() != scores.len() {
            return Err(Error::internal("there are not as many pairs as scores"));
        }
        spearman(scores, &similarities).ok_or_else(|| {
            Error::invalid("scores or similarities of the pairs are all the same")
                .with_hint("give pairs of different scores, or none")
        })
    }
}
