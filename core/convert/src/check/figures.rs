//! How alike the vectors of two models are.

use drivetrain_contract::{Error, Output, Result};

use super::given::Given;
use crate::calibrate::Accuracy;

/// Neighbours that are looked at.
const NEAREST: usize = 10;

/// How alike what two models give is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Likeness {
    pub(super) cosines: Accuracy,
    pub(super) max_abs_error: f64,
    /// Share of the ten nearest that stay among the ten nearest.
    pub(super) top10_overlap: f64,
}

impl Likeness {
    /// Of `found` to `reference`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when they are not of one shape.
    pub(super) fn of(found: &Given, reference: &Given) -> Result<Self> {
        let widths = |given: &Given| given.rows.iter().map(Vec::len).collect::<Vec<_>>();
        if found.output != reference.output || widths(found) != widths(reference) {
            let name = reference.output.name();
            return Err(Error::model(format!("the artifact gives a `{name}` of another shape than the model")));
        }
        let pairs = || found.rows.iter().flatten().zip(reference.rows.iter().flatten());
        let errors = pairs().map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
        Ok(Self {
            cosines: Accuracy::of(&found.rows, &reference.rows)?,
            max_abs_error: errors.fold(0.0, f64::max),
            top10_overlap: overlap(&nearest(found), &nearest(reference)),
        })
    }
}

/// For each row the texts that come first: those with the nearest vectors, or with the highest scores.
fn nearest(given: &Given) -> Vec<Vec<usize>> {
    if given.output == Output::Logits {
        return given.rows.iter().map(|scores| first(scores, None)).collect();
    }
    let units: Vec<Vec<f32>> = given.rows.iter().map(|row| unit(row)).collect();
    let similarity = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let similarities = |row: &[f32]| units.iter().map(|other| similarity(row, other)).collect::<Vec<f32>>();
    units.iter().enumerate().map(|(idx, row)| first(&similarities(row), Some(idx))).collect()
}

/// The texts with the highest scores, without the one that is asked for.
fn first(scores: &[f32], without: Option<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&idx| Some(idx) != without).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(NEAREST);
    order
}

fn unit(row: &[f32]) -> Vec<f32> {
    let length = row.iter().map(|number| number * number).sum::<f32>().sqrt();
    row.iter().map(|number| if length > 0.0 { number / length } else { 0.0 }).collect()
}

fn overlap(found: &[Vec<usize>], reference: &[Vec<usize>]) -> f64 {
    let shared = |(a, b): (&Vec<usize>, &Vec<usize>)| a.iter().filter(|idx| b.contains(idx)).count();
    let wanted: usize = reference.iter().map(Vec::len).sum();
    if wanted == 0 {
        return 1.0;
    }
    found.iter().zip(reference).map(shared).sum::<usize>() as f64 / wanted as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(count: usize, turned: impl Fn(usize) -> f32) -> Given {
        let row = |idx: usize| {
            let angle = idx as f32 * 0.1 + turned(idx);
            vec![angle.cos(), angle.sin()]
        };
        Given { output: Output::SentenceEmbedding, rows: (0..count).map(row).collect() }
    }

    #[test]
    fn equal_vectors_are_alike_and_turned_ones_less() {
        let reference = circle(30, |_| 0.0);
        let same = Likeness::of(&circle(30, |_| 0.0), &reference).unwrap();
        assert!(same.cosines.min_cosine > 1.0 - 1e-9);
        assert_eq!((same.max_abs_error, same.top10_overlap), (0.0, 1.0));

        // One vector turned by 90°: it is its own worst, and neighbours change for it and for those around it.
        let other = Likeness::of(&circle(30, |idx| if idx == 15 { 1.570_796_4 } else { 0.0 }), &reference).unwrap();
        assert!(other.cosines.min_cosine.abs() < 1e-6, "{other:?}");
        assert!((other.cosines.mean_cosine - 29.0 / 30.0).abs() < 1e-6);
        assert!(other.max_abs_error > 0.9 && other.top10_overlap < 0.97 && other.top10_overlap > 0.5, "{other:?}");
    }

    #[test]
    fn scores_are_ranked_by_themselves() {
        let scores = |rows: Vec<Vec<f32>>| Given { output: Output::Logits, rows };
        let rising: Vec<f32> = (0..40).map(|idx| idx as f32).collect();
        let falling: Vec<f32> = rising.iter().map(|score| 39.0 - score).collect();
        let likeness = Likeness::of(&scores(vec![falling]), &scores(vec![rising])).unwrap();
        assert_eq!((likeness.top10_overlap, likeness.max_abs_error), (0.0, 39.0));
    }

    #[test]
    fn other_shapes_are_errors() {
        assert!(Likeness::of(&circle(3, |_| 0.0), &circle(4, |_| 0.0)).is_err());
        let other = Given { output: Output::VocabScores, ..circle(3, |_| 0.0) };
        assert!(Likeness::of(&other, &circle(3, |_| 0.0)).is_err());
    }
}
