//! The vectors of many texts.

use drivetrain_contract::{Error, ErrorKind, Result};

/// Vectors `[len, dim]`, one row for each text, in the order of the texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    dim: usize,
    data: Vec<f32>,
}

impl Embeddings {
    /// Zeros for `len` texts. `dim` is positive.
    pub(crate) fn zeroed(len: usize, dim: usize) -> Result<Self> {
        let mut data = Vec::new();
        let fits = len.checked_mul(dim).is_some_and(|elements| data.try_reserve_exact(elements).is_ok());
        if !fits {
            let message = format!("no memory for {len} vectors of {dim} dimensions");
            return Err(Error::new(ErrorKind::OutOfMemory, message).with_hint("embed fewer texts at a time"));
        }
        data.resize(len * dim, 0.0);
        Ok(Self { dim, data })
    }

    /// The rows of all parts, of which there is at least one.
    pub(crate) fn joined(parts: Vec<Self>) -> Result<Self> {
        let mut parts = parts.into_iter();
        let Some(mut whole) = parts.next() else { return Err(Error::internal("a batch of no parts")) };
        for part in parts {
            whole.data.try_reserve(part.data.len()).map_err(|err| {
                Error::new(ErrorKind::OutOfMemory, "no memory for the vectors of a batch").with_source(err)
            })?;
            whole.data.extend_from_slice(&part.data);
        }
        Ok(whole)
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.data.len() / self.dim
    }

    /// Whether there are no vectors.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The vectors in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.data.chunks_exact(self.dim)
    }

    /// The vector of text `idx`.
    ///
    /// # Panics
    /// When there are not that many.
    pub fn row(&self, idx: usize) -> &[f32] {
        &self.data[idx * self.dim..][..self.dim]
    }

    /// All numbers, row-major.
    pub fn as_slice(&self) -> &[f32] {
        &self.data
    }

    /// All numbers, row-major.
    pub fn into_vec(self) -> Vec<f32> {
        self.data
    }

    /// Makes the first numbers of `vector` the vector in `row`; `place` is what a message calls its text.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when any number of `vector` is not finite, those left out included.
    pub(crate) fn set(&mut self, row: usize, place: u64, vector: &[f32]) -> Result<()> {
        check_finite(place, vector)?;
        self.copy_row(row, vector);
        Ok(())
    }

    /// The same for a vector that was checked before.
    pub(crate) fn copy_row(&mut self, row: usize, vector: &[f32]) {
        self.data[row * self.dim..][..self.dim].copy_from_slice(&vector[..self.dim]);
    }

    /// Makes row `to` the same as row `from`.
    pub(crate) fn repeat_row(&mut self, from: usize, to: usize) {
        self.data.copy_within(from * self.dim..(from + 1) * self.dim, to * self.dim);
    }
}

/// Fails when a number of the vector of the text at `place` is not finite.
pub(crate) fn check_finite(place: u64, vector: &[f32]) -> Result<()> {
    let Some(bad) = vector.iter().find(|number| !number.is_finite()) else { return Ok(()) };
    let what = if bad.is_nan() { "NaN" } else { "an infinity" };
    Err(Error::model(format!("vector of text {place} contains {what}"))
        .with_hint("check the model's weights, or compute in f32"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_that_were_set() {
        let mut embeddings = Embeddings::zeroed(3, 2).unwrap();
        embeddings.set(2, 2, &[5.0, 6.0, 7.0]).unwrap();
        embeddings.set(0, 0, &[1.0, 2.0]).unwrap();
        assert_eq!(embeddings.len(), 3);
        assert_eq!(embeddings.row(2), [5.0, 6.0]);
        assert_eq!(embeddings.rows().collect::<Vec<_>>(), [[1.0, 2.0], [0.0, 0.0], [5.0, 6.0]]);
        assert_eq!(embeddings.into_vec(), [1.0, 2.0, 0.0, 0.0, 5.0, 6.0]);
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_even_beyond_the_dimension() {
        let mut embeddings = Embeddings::zeroed(4, 1).unwrap();
        for (number, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "infinity"), (f32::NEG_INFINITY, "infinity")] {
            let err = embeddings.set(0, 3, &[0.0, number]).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Model);
            assert!(err.message().contains("text 3") && err.message().contains(word), "{err}");
        }
    }

    #[test]
    fn absurd_sizes_are_errors() {
        for (len, dim) in [(usize::MAX, 2), (1 << 50, 1 << 10)] {
            assert_eq!(Embeddings::zeroed(len, dim).unwrap_err().kind(), ErrorKind::OutOfMemory);
        }
        assert!(Embeddings::zeroed(0, 8).unwrap().is_empty());
    }
}
