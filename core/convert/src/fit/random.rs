//! Random numbers that are the same everywhere.

/// SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers of one epoch of a training.
    pub(super) fn of_epoch(seed: u64, epoch: u32) -> Self {
        let mut random = Self(seed);
        random.0 = random.next().wrapping_add(epoch.into());
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is positive. Off from even by less than `end / 2⁶⁴`.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Puts `items` into any order, each equally likely (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_permutations_that_depend_on_seed_and_epoch() {
        let order = |seed, epoch| {
            let mut items: Vec<u32> = (0..100).collect();
            Random::of_epoch(seed, epoch).shuffle(&mut items);
            items
        };
        let mut sorted = order(1, 0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
        assert_eq!(order(1, 0), order(1, 0));
        assert!(order(1, 0) != order(1, 1) && order(1, 0) != order(2, 0) && order(1, 0) != order(0, 1));
    }

    #[test]
    fn every_place_is_reached_about_equally_often() {
        let mut counts = [[0_u32; 5]; 5];
        for seed in 0..5_000 {
            let mut items = [0, 1, 2, 3, 4];
            Random::of_epoch(seed, 0).shuffle(&mut items);
            items.iter().enumerate().for_each(|(place, &item): (usize, &usize)| counts[item][place] += 1);
        }
        // 1,000 are expected, with a standard deviation of 28.
        assert!(counts.iter().flatten().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
