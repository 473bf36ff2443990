//! Whether a model ranks pairs of texts as people do.

use drivetrain_contract::{Call, Result};
use drivetrain_pipeline::Embedder;

/// Two texts, and how alike people find them.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Higher is more alike.
    pub score: f64,
    /// One text.
    pub a: String,
    /// The other.
    pub b: String,
}

/// Spearman's rank correlation of the scores and the cosines of the vectors; `None` where one of them is the same for
/// all pairs.
///
/// # Errors
/// As [`Embedder::embed`].
pub(super) fn spearman_of(embedder: &mut Embedder, pairs: &[Pair], call: &dyn Call) -> Result<Option<f64>> {
    let texts: Vec<&str> = pairs.iter().flat_map(|pair| [&*pair.a, &*pair.b]).collect();
    let embeddings = embedder.embed(&texts, call)?;
    let rows: Vec<&[f32]> = embeddings.rows().collect();
    let cosines: Vec<f64> = rows.chunks_exact(2).map(|pair| cosine(pair[0], pair[1])).collect();
    let scores: Vec<f64> = pairs.iter().map(|pair| pair.score).collect();
    Ok(spearman(&cosines, &scores))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

/// Pearson's correlation of the ranks, where equal numbers share the mean of theirs.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let spread = (product(&a, &a) * product(&b, &b)).sqrt();
    (spread > 0.0).then(|| product(&a, &b) / spread)
}

fn ranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&x, &y| numbers[x].total_cmp(&numbers[y]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut first = 0;
    for equal in order.chunk_by(|&x, &y| numbers[x] == numbers[y]) {
        let rank = first as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&idx| ranks[idx] = rank);
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_whatever_the_distances() {
        let near = |found: Option<f64>, expect: f64| assert!((found.unwrap() - expect).abs() < 1e-12, "{found:?}");
        near(spearman(&[1.0, 2.0, 30.0], &[0.1, 0.2, 0.3]), 1.0);
        near(spearman(&[1.0, 2.0, 3.0], &[9.0, 5.0, 1.0]), -1.0);
        // By hand: ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4.
        near(spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 4.0]), 4.5 / (4.5_f64 * 5.0).sqrt());
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
    }
}
