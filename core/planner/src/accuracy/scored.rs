//! Pairs of texts that people have scored: whether vectors rank them as people do.

use drivetrain_contract::{Error, Result};

use super::{
    Vectors,
    ranks::{correlation, ranks},
    vectors::cosine,
};

/// Spearman's rank correlation of what people say and what vectors say of the same pairs, from -1 to 1.
///
/// Equal numbers share the mean of their ranks. `None` where one of the two is the same for all pairs, there is a NaN, or
/// there are not as many of one as of the other. (Spearman, "The Proof and Measurement of Association between Two Things",
/// 1904.)
pub fn spearman(scores: &[f64], similarities: &[f64]) -> Option<f64> {
    let is_usable = scores.len() == similarities.len() && !scores.iter().chain(similarities).any(|one| one.is_nan());
    if is_usable { correlation(&ranks(scores), &ranks(similarities)) } else { None }
}

/// Cosines of the vectors of pairs: of the first text and the second, the third and the fourth, and so on.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] when a text has nobody to be compared with.
pub fn pair_similarities(vectors: Vectors<'_>) -> Result<Vec<f64>> {
    if !vectors.len().is_multiple_of(2) {
        return Err(Error::invalid(format!("{} vectors are no pairs", vectors.len())));
    }
    Ok((0..vectors.len()).step_by(2).map(|text| cosine(vectors.row(text), vectors.row(text + 1))).collect())
}

/// The share of its [`spearman`] that a candidate loses against the reference; negative where it ranks better.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Invalid`] unless the reference's is positive: pairs that the reference ranks against
/// what people say, or at random, say nothing of what a candidate loses.
pub fn pairs_loss(reference: f64, candidate: f64) -> Result<f64> {
    if reference > 0.0 && candidate.is_finite() {
        return Ok((reference - candidate) / reference);
    }
    let message =
        format!("no loss can be told from a rank correlation of {candidate} where the reference has {reference}");
    Err(Error::invalid(message).with_hint("scored pairs have to be such as the model is made for, and enough of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_whatever_the_distances() {
        let near = |found: Option<f64>, expect: f64| assert!((found.unwrap() - expect).abs() < 1e-12, "{found:?}");
        near(spearman(&[1.0, 2.0, 30.0], &[0.1, 0.2, 0.3]), 1.0);
        near(spearman(&[1.0, 2.0, f64::INFINITY], &[9.0, 5.0, 1.0]), -1.0);
        // By hand: ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4.
        near(spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 4.0]), 4.5 / (4.5_f64 * 5.0).sqrt());
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, f64::NAN]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn pairs_are_neighbouring_rows() {
        let numbers = [1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        assert_eq!(pair_similarities(Vectors::new(&numbers, 2).unwrap()).unwrap(), [1.0, 0.0]);
        assert!(pair_similarities(Vectors::new(&numbers[..6], 2).unwrap()).is_err());
    }

    #[test]
    fn losses_are_shares_of_what_the_reference_has() {
        assert!((pairs_loss(0.8, 0.6).unwrap() - 0.25).abs() < 1e-12);
        assert!((pairs_loss(0.8, 0.88).unwrap() + 0.1).abs() < 1e-12);
        for (reference, candidate) in [(0.0, 0.5), (-0.1, 0.5), (f64::NAN, 0.5), (0.8, f64::NAN)] {
            assert!(pairs_loss(reference, candidate).is_err(), "{reference} {candidate}");
        }
    }
}
