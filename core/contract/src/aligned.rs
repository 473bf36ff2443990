//! A growable buffer whose data starts on a cache line, as engines and the plugin ABI want it.

use std::ops::{Deref, DerefMut};

use crate::{Error, ErrorKind, Result};

/// Alignment of the data in bytes.
const ALIGN: usize = 64;

/// A reusable buffer of plain numbers, 64-byte aligned.
///
/// Aligned without `unsafe`: a little more is allocated than needed and the slice begins at the first aligned element.
#[derive(Debug, Default)]
pub struct AlignedBuf<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default> AlignedBuf<T> {
    /// An empty buffer.
    pub fn new() -> Self {
        Self { storage: Vec::new(), start: 0, len: 0 }
    }

    /// A buffer of `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        let mut buf = Self::new();
        buf.reset(len);
        buf
    }

    /// Makes the buffer `len` zeros, keeping its memory where it suffices.
    ///
    /// # Panics
    /// When there is no memory: [`AlignedBuf::try_reset`] says so instead.
    pub fn reset(&mut self, len: usize) {
        self.try_reset(len).expect("memory for a buffer");
    }

    /// The same for lengths that may be more than there is memory for.
    ///
    /// # Errors
    /// [`crate::ErrorKind::OutOfMemory`]; the buffer is then empty.
    pub fn try_reset(&mut self, len: usize) -> Result<()> {
        self.storage.clear();
        (self.start, self.len) = (0, 0);
        let slack = ALIGN / size_of::<T>().max(1);
        let fits = len.checked_add(slack).is_some_and(|needed| self.storage.try_reserve_exact(needed).is_ok());
        if !fits {
            let bytes = len.saturating_mul(size_of::<T>());
            return Err(Error::new(ErrorKind::OutOfMemory, format!("no memory for a buffer of {bytes} bytes")));
        }
        self.storage.resize(len + slack, T::default());
        self.start = self.storage.as_ptr().align_offset(ALIGN).min(slack);
        self.len = len;
        Ok(())
    }
}

impl<T> Deref for AlignedBuf<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for AlignedBuf<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_aligned_for_every_length_and_after_reuse() {
        let mut buf = AlignedBuf::<i64>::new();
        for len in [0, 1, 7, 8, 9, 1000, 3] {
            buf.reset(len);
            assert_eq!(buf.len(), len);
            assert_eq!(buf.as_ptr().addr() % ALIGN, 0, "length {len}");
            buf.fill(1);
        }
        buf.reset(3);
        assert_eq!(&*buf, &[0, 0, 0]);
        assert_eq!(buf.try_reset(usize::MAX / 2).unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert!(buf.is_empty());
    }
}
