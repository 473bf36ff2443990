//! Weights that make frequent tokens count less.

use super::matrix::Matrix;

/// Scales row `r` by `a / (a + p)`, where `p` is the frequency Zipf's law gives the token from its place in the
/// vocabulary: proportional to `1 / (r + 2)`, as model2vec's `compute_weights` has it.
///
/// Vocabularies are listed roughly from frequent to rare, which is what makes the place a rank.
pub(crate) fn weigh(table: &mut Matrix, coefficient: f64) {
    let inverse_ranks = || (0..table.n_rows()).map(|row| 1.0 / (row as f64 + 2.0));
    let total: f64 = inverse_ranks().sum();
    let weights: Vec<f64> = inverse_ranks().map(|inverse| coefficient / (coefficient + inverse / total)).collect();
    for (row, weight) in table.rows_mut().zip(weights) {
        row.iter_mut().for_each(|element| *element = (f64::from(*element) * weight) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_the_formula() {
        // Three tokens: 1/2, 1/3 and 1/4 add up to 13/12, so the frequencies are 6/13, 4/13 and 3/13.
        let mut table = Matrix::from_rows(1, vec![1.0, 1.0, -2.0]);
        weigh(&mut table, 0.5);
        let expect = [0.5 / (0.5 + 6.0 / 13.0), 0.5 / (0.5 + 4.0 / 13.0), -2.0 * 0.5 / (0.5 + 3.0 / 13.0)];
        for (found, expect) in table.data().iter().zip(expect) {
            assert!((f64::from(*found) - expect).abs() < 1e-6, "{found} {expect}");
        }
    }
}
