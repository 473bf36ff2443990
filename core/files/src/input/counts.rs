//! How far reading has come, for whoever watches from another thread.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted while [`crate::Records`] reads.
#[derive(Debug, Default)]
pub struct Counts {
    n_bytes: AtomicU64,
    n_records: AtomicU64,
    left_out: AtomicU64,
}

impl Counts {
    /// Bytes of the inputs, as they lie on disk, that the records so far stand for.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// Records so far, with those that were passed over. Reading is ahead of whoever uses the texts.
    pub fn n_records(&self) -> u64 {
        self.n_records.load(Ordering::Relaxed)
    }

    /// Records left out because they could not be read.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    pub(super) fn add_bytes(&self, n_bytes: u64) {
        self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
    }

    pub(super) fn add_record(&self) {
        self.n_records.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add_left_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }
}
