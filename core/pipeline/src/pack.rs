//! Which texts go into one batch.

use std::{cmp::Reverse, ops::Range};

/// Bounds of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Most tokens, padding included.
    pub(crate) tokens: usize,
    /// Most texts.
    pub(crate) texts: usize,
}

/// Indices of the texts that have tokens, longest first, equal ones in the order of the input: texts of like length
/// share a batch, and memory is largest in the first.
pub(crate) fn longest_first(lengths: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&idx| lengths[idx] > 0).collect();
    order.sort_by_key(|&idx| Reverse(lengths[idx]));
    order
}

/// Cuts an order of descending lengths into batches within the limits; a text beyond them goes alone.
pub(crate) fn batches(lengths: &[usize], order: &[usize], limits: BatchLimits) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut start = 0;
    while start < order.len() {
        let longest = lengths[order[start]].max(1);
        let size = (limits.tokens / longest).min(limits.texts).clamp(1, order.len() - start);
        batches.push(start..start + size);
        start += size;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lengths: &[usize], tokens: usize, texts: usize, expect: &[&[usize]]) {
        let order = longest_first(lengths);
        let batches = batches(lengths, &order, BatchLimits { tokens, texts });
        let batches: Vec<&[usize]> = batches.into_iter().map(|range| &order[range]).collect();
        assert_eq!(batches, expect, "{lengths:?} in batches of {tokens} tokens, {texts} texts");
    }

    #[test]
    fn padded_tokens_and_texts_are_bounded() {
        check(&[3, 9, 3, 5], 10, 8, &[&[1], &[3, 0], &[2]]);
        check(&[2, 2, 2], 100, 2, &[&[0, 1], &[2]]);
        check(&[50, 1], 10, 8, &[&[0], &[1]]);
        check(&[], 10, 8, &[]);
    }

    #[test]
    fn texts_without_tokens_are_in_no_batch() {
        check(&[0, 4, 0], 10, 8, &[&[1]]);
    }

    #[test]
    fn limits_of_zero_still_make_progress() {
        check(&[2, 3], 0, 0, &[&[1], &[0]]);
    }
}
