//! How far the texts to come go beyond what was seen, judged by how far some of the texts that were seen go beyond the
//! others.
//!
//! What goes beyond a range is cut off, and one value that is, of a channel that much depends on, spoils a text; a range
//! that is too wide makes every step coarser. How much wider it must be differs between sites: channels behind a
//! normalisation are as large in all texts, and those behind an activation have single large values in few of them.

use super::observe::{Extremes, Observation};

/// Ways to make two halves of the parts: which go with the first.
const HALVES: [usize; 3] = [1, 2, 3];

/// How much of what one half goes beyond the other is added. Measured with all-MiniLM-L6-v2: of a third, a half, the
/// square root of it, and 1.25 for every site, a third gives the closest vectors.
const SHARE: f32 = 1.0 / 3.0;

/// The least headroom.
const LEAST: f32 = 1.03;

/// What is taken where there are too few texts to tell.
const ASSUMED: f32 = 1.25;

/// How many times as far as the other a half may go at the most.
const FARTHEST: f32 = 4.0;

/// The ranges of two halves after smoothing, which is to even out the first.
pub(super) type Ranges<'r> = dyn Fn(&Extremes, &Extremes) -> [(f32, f32); 2] + 'r;

/// The halves that a site's texts can be cut into.
#[derive(Clone, Debug)]
pub(super) struct Halves(Vec<[Extremes; 2]>);

impl Halves {
    pub(super) fn new(seen: &Observation) -> Self {
        let half = |partner: usize, is_first: bool| {
            let members = seen.parts.iter().enumerate().filter(|(idx, _)| (*idx == 0 || *idx == partner) == is_first);
            Extremes::of(members.map(|(_, part)| part))
        };
        let halves = HALVES.map(|partner| [half(partner, true), half(partner, false)]);
        Self(halves.into_iter().filter(|halves| halves.iter().all(Extremes::is_known)).collect())
    }

    /// What the lowest and the highest value that was seen have to be multiplied by.
    pub(super) fn headroom(&self, ranges: &Ranges<'_>) -> (f32, f32) {
        if self.0.is_empty() {
            return (ASSUMED, ASSUMED);
        }
        let mut sums = (0.0, 0.0);
        for [a, b] in &self.0 {
            for [known, unknown] in [ranges(a, b), ranges(b, a)] {
                sums.0 += excess(known.0, unknown.0);
                sums.1 += excess(known.1, unknown.1);
            }
        }
        let headroom = |sum: f32| (1.0 + SHARE * sum / (2 * self.0.len()) as f32).max(LEAST);
        (headroom(sums.0), headroom(sums.1))
    }
}

/// By how much of itself a bound is exceeded by another.
fn excess(known: f32, unknown: f32) -> f32 {
    let times = if known == unknown { 1.0 } else { (unknown / known).abs() };
    times.clamp(1.0, FARTHEST) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observe(highs: &[f32]) -> Halves {
        let mut seen = Observation::new(1, 0);
        highs.iter().enumerate().for_each(|(text, &high)| seen.add(text, &[-1.0, high]));
        Halves::new(&seen)
    }

    fn headroom(highs: &[f32]) -> (f32, f32) {
        observe(highs).headroom(&|a, b| [a, b].map(|extremes| (extremes.low[0], extremes.high[0])))
    }

    #[track_caller]
    fn check(highs: &[f32], expect: (f32, f32)) {
        let (low, high) = headroom(highs);
        assert!((low - expect.0).abs() < 1e-6 && (high - expect.1).abs() < 1e-6, "{low} {high}");
    }

    #[test]
    fn headroom_is_a_part_of_what_some_texts_exceed_others_by() {
        check(&[2.0; 8], (LEAST, LEAST));
        // Whichever half the large one is in, the other is exceeded by once itself, one way of two.
        check(&[2.0, 4.0, 2.0, 2.0], (LEAST, 1.0 + SHARE / 2.0));
        check(&[2.0, 1e9, 2.0, 2.0], (LEAST, 1.0 + SHARE * (FARTHEST - 1.0) / 2.0));
        check(&[0.0; 4], (LEAST, LEAST));
        check(&[0.0, 0.0, 1.0, 0.0], (LEAST, 1.0 + SHARE * (FARTHEST - 1.0) / 2.0));
    }

    #[test]
    fn a_text_alone_tells_nothing() {
        check(&[], (ASSUMED, ASSUMED));
        check(&[1.0], (ASSUMED, ASSUMED));
        check(&[1.0, 1.0], (LEAST, LEAST));
    }
}
