//! The table that training begins with.

use crate::distill::{Matrix, weigh};

/// Root of the mean square of the elements: about what the token vectors of a small BERT have by nature. The loss does
/// not see a table's scale, but how far a step of a given length leads depends on it.
const SCALE: f64 = 0.3;

/// Centres the vectors of single tokens, makes frequent ones count less, and gives all of them the usual scale.
pub(super) fn prepare(vectors: &mut Matrix, sif_coefficient: Option<f64>) {
    let n_rows = vectors.n_rows() as f64;
    let mut mean = vec![0.0; vectors.columns()];
    for row in vectors.rows() {
        mean.iter_mut().zip(row).for_each(|(sum, &element)| *sum += f64::from(element) / n_rows);
    }
    for row in vectors.rows_mut() {
        row.iter_mut().zip(&mean).for_each(|(element, mean)| *element = (f64::from(*element) - mean) as f32);
    }
    if let Some(coefficient) = sif_coefficient {
        weigh(vectors, coefficient);
    }
    let squares: f64 = vectors.data().iter().map(|&element| f64::from(element) * f64::from(element)).sum();
    let scale = SCALE / (squares / vectors.data().len() as f64).sqrt();
    // Where all tokens have the same vector there is nothing to scale.
    if scale.is_finite() {
        let scaled = |element: &mut f32| *element = (f64::from(*element) * scale) as f32;
        vectors.rows_mut().for_each(|row| row.iter_mut().for_each(scaled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_centred_weighed_and_scaled() {
        let mut vectors = Matrix::from_rows(2, vec![11.0, 5.0, 13.0, 5.0, 12.0, 8.0]);
        prepare(&mut vectors, None);
        let scale = SCALE / ((2.0 + 6.0) / 6.0_f64).sqrt();
        for (found, centred) in vectors.data().iter().zip([-1.0, -1.0, 1.0, -1.0, 0.0, 2.0]) {
            assert!((f64::from(*found) - centred * scale).abs() < 1e-6, "{found} {centred}");
        }
        let mut weighed = vectors.clone();
        prepare(&mut weighed, Some(0.5));
        let lengths: Vec<f32> = weighed.rows().map(|row| row[0].hypot(row[1])).collect();
        assert!(lengths[0] < lengths[1] && lengths[1] < lengths[2], "{lengths:?}");
    }

    #[test]
    fn equal_vectors_become_zero() {
        let mut vectors = Matrix::from_rows(2, vec![3.0; 8]);
        prepare(&mut vectors, Some(1e-4));
        assert_eq!(vectors.data(), [0.0; 8]);
    }
}
