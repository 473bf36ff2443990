//! Which texts go into one batch.

use std::{cmp::Reverse, ops::Range};

use crate::cost::Cost;

/// Bounds of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Most tokens, padding included.
    pub(crate) tokens: usize,
    /// Most texts.
    pub(crate) texts: usize,
    /// Sessions that have nothing to do after these texts; 1 where others follow.
    pub(crate) ending: usize,
}

/// Tokens that are not cut into smaller batches to end evenly: below this a run's fixed cost outweighs what is gained.
const LEAST_SHARE: usize = 128;

impl BatchLimits {
    /// Most tokens in a batch that begins where `left` tokens are left: no more than a session's share of them, so that
    /// the sessions that take turns at the batches end together. With batches as large as allowed to the end, one
    /// session works at the last of them while the others have nothing to do.
    fn tokens_where(&self, left: usize) -> usize {
        match self.ending {
            0 | 1 => self.tokens,
            sessions => self.tokens.min((left / sessions).max(LEAST_SHARE)),
        }
    }
}

/// Indices of the texts that have tokens, longest first, equal ones in the order of the input: texts of like length
/// share a batch, and memory is largest in the first.
pub(crate) fn longest_first(lengths: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&idx| lengths[idx] > 0).collect();
    order.sort_by_key(|&idx| Reverse(lengths[idx]));
    order
}

/// Cuts an order of descending lengths into the batches that cost least together, within the limits; a text beyond them
/// goes alone.
///
/// The best cut of the first `n` texts is the best cut of the first `n - size`, for some size of the last batch, and
/// that batch (dynamic programming). A batch costs what its longest text makes of it, so padding is weighed against the
/// fixed cost of one more run, and outliers end up alone.
pub(crate) fn batches(lengths: &[usize], order: &[usize], limits: BatchLimits, cost: &Cost) -> Vec<Range<usize>> {
    let mut cheapest = vec![0.0; order.len() + 1];
    let mut sizes = vec![1; order.len() + 1];
    let total: usize = order.iter().map(|&idx| lengths[idx]).sum();
    let most: Vec<usize> = order
        .iter()
        .scan(total, |left, &idx| {
            let most = limits.tokens_where(*left);
            *left -= lengths[idx];
            Some(most)
        })
        .collect();
    for end in 1..=order.len() {
        cheapest[end] = f64::INFINITY;
        for size in 1..=end.min(limits.texts.max(1)) {
            let longest = lengths[order[end - size]];
            if size > 1 && size * longest > most[end - size] {
                // Towards the front a batch grows by more than what it may be.
                break;
            }
            let total = cheapest[end - size] + cost.of(size, longest);
            // Of equally good cuts the one with fewer runs.
            if total <= cheapest[end] {
                (cheapest[end], sizes[end]) = (total, size);
            }
        }
    }
    let mut batches = Vec::new();
    let mut end = order.len();
    while end > 0 {
        batches.push(end - sizes[end]..end);
        end -= sizes[end];
    }
    batches.reverse();
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP_RUNS: Cost = Cost { fixed: 0.0, token: 1.0, pair: 0.0 };
    const DEAR_RUNS: Cost = Cost { fixed: 1e9, token: 1.0, pair: 0.0 };

    fn check(lengths: &[usize], limits: (usize, usize), cost: Cost, expect: &[&[usize]]) {
        let order = longest_first(lengths);
        let batches = batches(lengths, &order, BatchLimits { tokens: limits.0, texts: limits.1, ending: 1 }, &cost);
        let batches: Vec<&[usize]> = batches.into_iter().map(|range| &order[range]).collect();
        assert_eq!(batches, expect, "{lengths:?} within {limits:?}");
    }

    #[test]
    fn padded_tokens_and_texts_are_bounded() {
        check(&[3, 9, 3, 5], (10, 8), DEAR_RUNS, &[&[1], &[3], &[0, 2]]);
        check(&[2, 2, 2], (100, 2), DEAR_RUNS, &[&[0], &[1, 2]]);
        check(&[50, 1], (10, 8), DEAR_RUNS, &[&[0], &[1]]);
        check(&[], (10, 8), DEAR_RUNS, &[]);
    }

    #[test]
    fn padding_is_weighed_against_runs() {
        check(&[9, 9, 3, 3, 3], (1000, 100), CHEAP_RUNS, &[&[0, 1], &[2, 3, 4]]);
        check(&[9, 9, 3, 3, 3], (1000, 100), DEAR_RUNS, &[&[0, 1, 2, 3, 4]]);
        // An outlier goes alone: padding nine short texts to 500 tokens costs more than a run.
        let mut lengths = vec![10; 9];
        lengths.push(500);
        check(&lengths, (10_000, 100), Cost::PRIOR, &[&[9], &[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
    }

    #[test]
    fn no_cut_is_cheaper() {
        let lengths: Vec<usize> = (0..12).map(|idx| 1 + (idx * 7) % 11).collect();
        let order = longest_first(&lengths);
        let (limits, cost) =
            (BatchLimits { tokens: 40, texts: 5, ending: 1 }, Cost { fixed: 6.0, token: 1.0, pair: 0.01 });
        let price = |cuts: &[Range<usize>]| -> f64 {
            cuts.iter().map(|range| cost.of(range.len(), lengths[order[range.start]])).sum()
        };
        let found = price(&batches(&lengths, &order, limits, &cost));
        // Every way to cut 12 texts is a subset of the 11 places between them.
        for subset in 0u32..1 << 11 {
            let mut cuts = Vec::new();
            let mut start = 0;
            for end in 1..=12 {
                if end == 12 || subset >> (end - 1) & 1 == 1 {
                    cuts.push(start..end);
                    start = end;
                }
            }
            let allowed = cuts
                .iter()
                .all(|range| range.len() <= 5 && (range.len() == 1 || range.len() * lengths[order[range.start]] <= 40));
            assert!(!allowed || price(&cuts) >= found - 1e-9);
        }
    }

    #[test]
    fn sessions_end_together() {
        // What each of the sessions has done when it takes whichever batch is next.
        let done = |limits: BatchLimits| {
            let lengths = [100; 40];
            let batches = batches(&lengths, &longest_first(&lengths), limits, &Cost::PRIOR);
            assert_eq!(batches.iter().map(Range::len).sum::<usize>(), lengths.len());
            let mut done = [0; 3];
            batches.iter().for_each(|batch| *done.iter_mut().min().unwrap() += batch.len());
            done
        };
        let uneven = done(BatchLimits { tokens: 1000, texts: 100, ending: 1 });
        assert_eq!(uneven, [20, 10, 10]);
        let even = done(BatchLimits { tokens: 1000, texts: 100, ending: 3 });
        assert!(even.iter().max().unwrap() - even.iter().min().unwrap() <= 2, "{even:?}");
        // Where there is little, or one session, it is not cut: a run has its price.
        check(&[200, 10], (1000, 100), DEAR_RUNS, &[&[0, 1]]);
        check(&[20, 20, 20], (1000, 100), DEAR_RUNS, &[&[0, 1, 2]]);
    }

    #[test]
    fn texts_without_tokens_are_in_no_batch() {
        check(&[0, 4, 0], (10, 8), CHEAP_RUNS, &[&[1]]);
    }

    #[test]
    fn limits_of_zero_still_make_progress() {
        check(&[2, 3], (0, 0), DEAR_RUNS, &[&[1], &[0]]);
    }
}
