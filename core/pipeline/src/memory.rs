//! How large a batch the engine has memory for, learned when it refuses one.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The size above which batches are cut before they are run, once the engine has refused one.
///
/// A size is a number of tokens, padding included, or of bytes of text for sessions that tokenise by themselves. Sizes
/// only fall. Which window taught each is kept, so that a stream that is gone on with behind a window knows what was
/// known there, and not what happened later.
#[derive(Debug, Default)]
pub(crate) struct BatchCeiling {
    lowered: Mutex<Vec<Lowered>>,
}

#[derive(Clone, Copy, Debug)]
struct Lowered {
    window: u64,
    size: usize,
}

impl BatchCeiling {
    /// Begins a stream: with what an earlier part of it learned, and with what other streams of this engine did.
    pub(crate) fn begin(&self, earlier: Option<u64>) {
        let earlier = earlier.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        let mut lowered = self.lock();
        let least = lowered.iter().map(|known| known.size).chain(earlier).min();
        lowered.clear();
        lowered.extend(least.map(|size| Lowered { window: 0, size }));
    }

    /// The largest batch to try.
    pub(crate) fn size(&self) -> usize {
        self.lock().iter().map(|known| known.size).min().unwrap_or(usize::MAX)
    }

    /// What the windows up to this one taught.
    pub(crate) fn after(&self, window: u64) -> Option<u64> {
        let known = self.lock();
        known.iter().filter(|known| known.window <= window).map(|known| known.size as u64).min()
    }

    /// Takes note of the largest size that was managed in a window after a larger one was refused. False where that, or
    /// less, is known already, as another session may have been refused at the same time.
    pub(crate) fn lower(&self, window: u64, size: usize) -> bool {
        let mut lowered = self.lock();
        let is_news = lowered.iter().all(|known| known.size > size);
        if is_news {
            lowered.push(Lowered { window, size });
        }
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lowered>> {
        self.lowered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_only_fall_and_each_is_news_once() {
        let ceiling = BatchCeiling::default();
        assert_eq!((ceiling.size(), ceiling.after(u64::MAX)), (usize::MAX, None));
        assert!(ceiling.lower(3, 400) && !ceiling.lower(3, 400) && !ceiling.lower(4, 500));
        assert!(ceiling.lower(5, 100));
        assert_eq!(ceiling.size(), 100);
    }

    #[test]
    fn a_window_knows_nothing_of_later_ones() {
        let ceiling = BatchCeiling::default();
        assert!(ceiling.lower(5, 100) && ceiling.lower(3, 90));
        assert_eq!([2, 3, 4, 5].map(|window| ceiling.after(window)), [None, Some(90), Some(90), Some(90)]);
    }

    #[test]
    fn what_is_known_outlives_the_stream_and_can_be_handed_on() {
        let ceiling = BatchCeiling::default();
        ceiling.begin(Some(u64::MAX));
        assert!(ceiling.lower(7, 100));
        ceiling.begin(None);
        assert_eq!((ceiling.size(), ceiling.after(0)), (100, Some(100)));
        ceiling.begin(Some(50));
        assert_eq!(ceiling.size(), 50);
        ceiling.begin(Some(70));
        assert_eq!(ceiling.size(), 50);
    }
}
