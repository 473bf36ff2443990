//! How alike two sets of vectors of the same texts are.

use std::fmt;

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Vectors, pairwise::Pairwise, ranks::correlation, vectors::cosine};

/// The share of the quality that is expected to be lost at the most for each unit of [`Agreement::rank_loss`].
///
/// Measured with all-MiniLM-L6-v2: of engines in half precision and 8 bits and of artificial errors of all sizes, those that
/// lost more than chance explains lost up to 0.36 of their rank loss in questions answered and up to 0.23 in the order of
/// scored pairs (`docs/tuning.md` has the table, and `accuracy` in `bench/` prints it).
pub const LOSS_PER_RANK_LOSS: f64 = 0.4;

/// The least cosine between vectors that count as the same, where nothing may be lost.
pub const LOSSLESS_COSINE: f64 = 0.9999;

/// Fewest texts whose similarities can be put in order.
const FEWEST_TEXTS: usize = 3;

/// How alike the vectors of a candidate and those of the reference are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Mean of the cosines between the two vectors of each text.
    pub cosine_mean: f64,
    /// The cosine that one text in a hundred does not reach, rounded down: the least of up to 100 texts.
    pub cosine_p1: f64,
    /// The least of them.
    pub cosine_min: f64,
    /// Share of the ten nearest texts of each text that stay among its ten nearest, from 0 to 1; of all others where there
    /// are fewer.
    pub neighbour_overlap: f64,
    /// 1 less Spearman's correlation of the similarities of all pairs of texts, from 0 (the same order) to 2 (reversed).
    pub rank_loss: f64,
}

impl Agreement {
    /// Of the vectors of the same texts in the same order.
    ///
    /// The cosines are of all texts; neighbours and ranks are of [`super::MOST_TEXTS`] of them, spread evenly, where there
    /// are more. The rank loss of 128 texts is within two fifths of that of thousands, that of 32 within a factor of two; of
    /// fewer it is mostly too great.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for fewer than three texts, which are in no order,
    /// [`drivetrain_contract::ErrorKind::Model`] where the two are not of one shape.
    pub fn of(reference: Vectors<'_>, candidate: Vectors<'_>) -> Result<Self> {
        reference.check_shape(&candidate)?;
        let n = reference.len();
        if n < FEWEST_TEXTS {
            return Err(Error::invalid(format!("{n} texts are too few to compare vectors by"))
                .with_hint(format!("at least {FEWEST_TEXTS}, and better some hundreds")));
        }
        let mut cosines: Vec<f64> = reference.rows().zip(candidate.rows()).map(|(a, b)| cosine(a, b)).collect();
        cosines.sort_unstable_by(f64::total_cmp);
        let (wanted, found) = (Pairwise::of(&reference), Pairwise::of(&candidate));
        Ok(Self {
            cosine_mean: cosines.iter().sum::<f64>() / n as f64,
            cosine_p1: cosines[(n - 1) / 100],
            cosine_min: cosines[0],
            neighbour_overlap: overlap(&wanted, &found),
            rank_loss: rank_loss(&wanted.ranks, &found.ranks),
        })
    }

    /// The share of its quality that the candidate is expected to lose, from its rank loss.
    pub fn expected_loss(&self) -> f64 {
        self.rank_loss * LOSS_PER_RANK_LOSS
    }
}

/// `cosine 0.9966 mean, 0.9921 p1, 0.9899 min; 93.8 % of neighbours kept; rank loss 0.612 %`
impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cosine_mean, cosine_p1, cosine_min, neighbour_overlap, rank_loss } = self;
        let (kept, lost) = (neighbour_overlap * 100.0, rank_loss * 100.0);
        write!(f, "cosine {cosine_mean:.4} mean, {cosine_p1:.4} p1, {cosine_min:.4} min; ")?;
        write!(f, "{kept:.1} % of neighbours kept; rank loss {lost:.3} %")
    }
}

fn overlap(wanted: &Pairwise, found: &Pairwise) -> f64 {
    let pairs = wanted.nearest.iter().zip(&found.nearest);
    let (kept, all) = pairs.fold((0, 0), |(kept, all), (a, b)| (kept + a.shared(b), all + a.len()));
    kept as f64 / all as f64
}

/// Where all similarities are the same there is no order: then nothing is lost if that is so for both, and all if it is
/// for one of them.
fn rank_loss(wanted: &[f64], found: &[f64]) -> f64 {
    match correlation(wanted, found) {
        Some(correlation) => 1.0 - correlation,
        None if wanted == found => 0.0,
        None => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    fn agreement(reference: &[f32], candidate: &[f32], dim: usize) -> Result<Agreement> {
        Agreement::of(Vectors::new(reference, dim)?, Vectors::new(candidate, dim)?)
    }

    /// Vectors at these angles, in degrees.
    fn at(angles: impl IntoIterator<Item = f32>) -> Vec<f32> {
        angles.into_iter().flat_map(|angle| [angle.to_radians().cos(), angle.to_radians().sin()]).collect()
    }

    fn near(found: f64, expect: f64) {
        assert!((found - expect).abs() < 1e-6, "{found} is not {expect}");
    }

    #[test]
    fn the_same_vectors_at_any_length_lose_nothing() {
        let reference = at((0..40).map(|idx| (idx * idx % 83) as f32));
        let longer: Vec<f32> = reference.iter().map(|number| number * 8.0).collect();
        let found = agreement(&reference, &longer, 2).unwrap();
        near(found.cosine_min, 1.0);
        assert_eq!((found.neighbour_overlap, found.rank_loss, found.expected_loss()), (1.0, 0.0, 0.0));
    }

    #[test]
    fn one_turned_vector_is_the_least_and_moves_neighbours() {
        let angle = |idx: usize| idx as f32 * 1.3;
        let reference = at((0..200).map(angle));
        let turned = at((0..200).map(|idx| if idx == 15 { angle(idx) + 60.0 } else { angle(idx) }));
        let found = agreement(&reference, &turned, 2).unwrap();
        near(found.cosine_min, 0.5);
        near(found.cosine_p1, 1.0);
        near(found.cosine_mean, 199.5 / 200.0);
        assert!(found.neighbour_overlap < 1.0 && found.neighbour_overlap > 0.9, "{found}");
        assert!(found.rank_loss > 1e-4 && found.rank_loss < 0.05, "{found}");
        near(found.expected_loss() / found.rank_loss, LOSS_PER_RANK_LOSS);
    }

    #[test]
    fn ranks_of_three_texts_by_hand() {
        // Pairs 01, 02, 12: 10, 50, 40 degrees apart, then 40, 50, 10: ranks 3, 1, 2 and 2, 1, 3.
        let found = agreement(&at([0.0, 10.0, 50.0]), &at([0.0, 40.0, 50.0]), 2).unwrap();
        near(found.rank_loss, 0.5);
        assert_eq!(found.neighbour_overlap, 1.0);
        // The other way round: those that were farthest apart are now the nearest.
        let reversed = agreement(&at([0.0, 10.0, 50.0]), &at([0.0, 90.0, 30.0]), 2).unwrap();
        near(reversed.rank_loss, 2.0);
    }

    #[test]
    fn without_an_order_nothing_or_all_of_it_is_lost() {
        let (alike, zeros) = ([1.0, 2.0].repeat(5), [0.0; 10]);
        let different = at([0.0, 10.0, 50.0, 60.0, 90.0]);
        let rank_loss = |a: &[f32], b: &[f32]| agreement(a, b, 2).unwrap().rank_loss;
        assert_eq!(rank_loss(&alike, &alike), 0.0);
        assert_eq!(rank_loss(&different, &alike), 1.0);
        assert_eq!(rank_loss(&different, &zeros), 1.0);
        assert_eq!(rank_loss(&alike, &different), 1.0);
        let gone = agreement(&different, &zeros, 2).unwrap();
        assert_eq!((gone.cosine_mean, gone.cosine_p1, gone.cosine_min), (0.0, 0.0, 0.0));
        assert_eq!(agreement(&zeros, &zeros, 2).unwrap().cosine_min, 1.0);
    }

    #[test]
    fn too_few_texts_and_other_shapes_are_errors() {
        let kind = |a: &[f32], b: &[f32]| agreement(a, b, 2).unwrap_err().kind();
        for n in 0..3 {
            assert_eq!(kind(&vec![1.0; 2 * n], &vec![1.0; 2 * n]), ErrorKind::Invalid);
        }
        assert_eq!(kind(&[1.0; 6], &[1.0; 8]), ErrorKind::Model);
        assert_eq!(kind(&[1.0; 6], &[1.0, 1.0, 1.0, 1.0, 1.0, f32::NAN]), ErrorKind::Model);
    }

    #[test]
    fn it_is_one_line_and_survives_json() {
        let found = Agreement {
            cosine_mean: 0.99661,
            cosine_p1: 0.9921,
            cosine_min: 0.98988,
            neighbour_overlap: 0.938,
            rank_loss: 0.00612,
        };
        let line = "cosine 0.9966 mean, 0.9921 p1, 0.9899 min; 93.8 % of neighbours kept; rank loss 0.612 %";
        assert_eq!(found.to_string(), line);
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Agreement>(&json).unwrap(), found);
    }
}
