//! Records and their vectors.

use std::ops::Range;

use drivetrain_contract::{Error, Result};

use crate::Record;

/// Records with a vector each.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    records: &'a [Record],
    vectors: &'a [f32],
    dim: usize,
}

impl<'a> Rows<'a> {
    /// `vectors` are `[records.len(), dim]`, row-major.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when they have another size.
    pub fn new(records: &'a [Record], vectors: &'a [f32], dim: usize) -> Result<Self> {
        if dim == 0 || records.len().checked_mul(dim) != Some(vectors.len()) {
            let (n, found) = (records.len(), vectors.len());
            return Err(Error::invalid(format!("{found} numbers are not {n} vectors of {dim} dimensions")));
        }
        Ok(Self { records, vectors, dim })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Numbers in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The records.
    pub fn records(&self) -> &'a [Record] {
        self.records
    }

    /// The vectors, one after the other.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.vectors.chunks_exact(self.dim)
    }

    /// All numbers, row-major.
    pub fn numbers(&self) -> &'a [f32] {
        self.vectors
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// When there are not that many.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let vectors = &self.vectors[range.start * self.dim..range.end * self.dim];
        Self { records: &self.records[range], vectors, dim: self.dim }
    }
}
