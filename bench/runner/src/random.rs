//! Numbers at random that are the same every time.

/// SplitMix64, from "Fast splittable pseudorandom number generators", Steele, Lea, Flood, 2014.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The same numbers for everybody.
    pub(crate) fn new() -> Self {
        Self::of(0)
    }

    /// The same numbers for everybody, but others for each seed.
    pub(crate) fn of(seed: u64) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15 ^ seed.rotate_left(32) }
    }

    /// A whole number.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below this one, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number of the normal distribution with mean 0 and deviation 1, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        // In (0, 1]: the logarithm of 0 is none.
        let mut uniform = || ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
    }

    /// Fisher and Yates' shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffling_keeps_every_item_and_is_always_the_same() {
        let shuffled = || {
            let mut items: Vec<usize> = (0..1000).collect();
            Random::new().shuffle(&mut items);
            items
        };
        let mut sorted = shuffled();
        assert_eq!(sorted, shuffled());
        assert!(!sorted.is_sorted());
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn normal_numbers_have_their_mean_and_deviation() {
        let mut random = Random::new();
        let numbers: Vec<f64> = (0..20_000).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let square = numbers.iter().map(|number| number * number).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.05, "{mean} {square}");
    }
}
