//! How close vectors are to those of the model in floats.

use drivetrain_contract::{Error, Result};

/// Cosines between the vectors of two models for the same texts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Mean over the texts.
    pub mean_cosine: f64,
    /// That of the text that differs most.
    pub min_cosine: f64,
}

impl Accuracy {
    /// What is expected of 8-bit integers.
    pub const INT8: Self = Self { mean_cosine: 0.997, min_cosine: 0.99 };

    /// Whether this is as close as `wanted`.
    pub fn meets(&self, wanted: &Self) -> bool {
        self.mean_cosine >= wanted.mean_cosine && self.min_cosine >= wanted.min_cosine
    }

    /// Of the vectors `found`, row by row, to those of `reference`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Internal`] when there are none or not as many.
    pub(crate) fn of(found: &[Vec<f32>], reference: &[Vec<f32>]) -> Result<Self> {
        if found.is_empty() || found.len() != reference.len() {
            return Err(Error::internal(format!("{} vectors to compare with {}", found.len(), reference.len())));
        }
        let cosines: Vec<f64> = found.iter().zip(reference).map(|(a, b)| cosine(a, b)).collect();
        let mean_cosine = cosines.iter().sum::<f64>() / cosines.len() as f64;
        Ok(Self { mean_cosine, min_cosine: cosines.iter().copied().fold(1.0, f64::min) })
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { (dot(a, b) / lengths).min(1.0) } else { f64::from(a == b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_of_rows() {
        let reference = [vec![1.0, 0.0], vec![0.0, 2.0], vec![0.0, 0.0]];
        let same = Accuracy::of(&reference, &reference).unwrap();
        assert_eq!(same, Accuracy { mean_cosine: 1.0, min_cosine: 1.0 });
        let found = [vec![3.0, 0.0], vec![2.0, 0.0], vec![0.0, 0.0]];
        let other = Accuracy::of(&found, &reference).unwrap();
        assert!((other.mean_cosine - 2.0 / 3.0).abs() < 1e-12 && other.min_cosine == 0.0, "{other:?}");
        assert!(same.meets(&Accuracy::INT8) && !other.meets(&Accuracy::INT8));
        assert!(Accuracy::of(&found[..2], &reference).is_err());
        assert!(Accuracy::of(&[], &[]).is_err());
    }
}
