//! Ranks, and how two orders of the same things correlate.

/// The rank of each value, from 1 for the least; equal values share the mean of theirs. There is no NaN among them.
pub(super) fn ranks<T: Copy + PartialOrd>(values: &[T]) -> Vec<f64> {
    // The values travel with their places: looked up by place, most comparisons would miss the cache.
    let mut order: Vec<(T, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for equal in order.chunk_by(|(a, _), (b, _)| a == b) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&(_, place)| ranks[place] = rank);
        before += equal.len();
    }
    ranks
}

/// Pearson's correlation of two sets of ranks of the same things; `None` where one of them ranks all alike.
pub(super) fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>();
    let spread = (product(a, a) * product(b, b)).sqrt();
    (spread > 0.0).then(|| (product(a, b) / spread).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[2.0, -1.0, 2.0, 0.0, -0.0]), [4.5, 1.0, 4.5, 2.5, 2.5]);
        assert_eq!(ranks::<f32>(&[]), [] as [f64; 0]);
    }

    #[test]
    fn the_same_order_correlates_exactly() {
        let ranks: Vec<f64> = (1..=1000).map(f64::from).collect();
        let reversed: Vec<f64> = ranks.iter().rev().copied().collect();
        assert_eq!(correlation(&ranks, &ranks), Some(1.0));
        assert_eq!(correlation(&ranks, &reversed), Some(-1.0));
        assert_eq!(correlation(&[1.5, 1.5], &[1.0, 2.0]), None);
        assert_eq!(correlation(&[], &[]), None);
    }
}
