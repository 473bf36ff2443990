//! A row-major table of 32-bit floats.

use drivetrain_contract::{Error, ErrorKind, Result};

/// `[rows, columns]`, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    columns: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// A table without rows that has room for `rows` rows of `columns` (at least 1) elements.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfMemory`] when there is no such room.
    pub(crate) fn with_room(rows: usize, columns: usize) -> Result<Self> {
        let mut data = Vec::new();
        let reserved = rows.checked_mul(columns).is_some_and(|elements| data.try_reserve_exact(elements).is_ok());
        if !reserved {
            let message = format!("no memory for {rows} token vectors of {columns} elements");
            return Err(Error::new(ErrorKind::OutOfMemory, message));
        }
        Ok(Self { columns, data })
    }

    /// A table of the given elements, whose number is a multiple of `columns`.
    pub(crate) fn from_rows(columns: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len() % columns, 0, "elements fill whole rows");
        Self { columns, data }
    }

    /// Elements of a row.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Number of rows.
    pub(crate) fn n_rows(&self) -> usize {
        self.data.len() / self.columns
    }

    /// The elements, row-major.
    pub(crate) fn data(&self) -> &[f32] {
        &self.data
    }

    /// The rows in order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.columns)
    }

    /// The rows in order, to be changed.
    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.data.chunks_exact_mut(self.columns)
    }

    /// Adds a row of zeros and gives it to be filled.
    pub(crate) fn push_row(&mut self) -> &mut [f32] {
        let start = self.data.len();
        self.data.resize(start + self.columns, 0.0);
        &mut self.data[start..]
    }

    /// Replaces the rows, block by block, by shorter ones, in the same memory.
    ///
    /// `shorten` is given the index of the first row and up to `block` rows, and appends the new rows of `columns`
    /// elements each, no longer than the old.
    pub(crate) fn shorten_rows<F>(&mut self, columns: usize, block: usize, mut shorten: F) -> Result<()>
    where
        F: FnMut(usize, &[f32], &mut Vec<f32>) -> Result<()>,
    {
        let n_rows = self.n_rows();
        let mut shortened = Vec::new();
        for first in (0..n_rows).step_by(block) {
            let end = n_rows.min(first + block);
            shortened.clear();
            shorten(first, &self.data[first * self.columns..end * self.columns], &mut shortened)?;
            self.data[first * columns..end * columns].copy_from_slice(&shortened);
        }
        self.data.truncate(n_rows * columns);
        self.columns = columns;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shortened_in_place_whatever_the_block() {
        for block in 1..6 {
            let mut matrix = Matrix::from_rows(3, (0..15).map(|i| i as f32).collect());
            let take_two = |first: usize, rows: &[f32], out: &mut Vec<f32>| {
                assert_eq!(rows[0], (first * 3) as f32);
                rows.chunks_exact(3).for_each(|row| out.extend_from_slice(&row[1..]));
                Ok(())
            };
            matrix.shorten_rows(2, block, take_two).unwrap();
            assert_eq!(matrix.data(), [1., 2., 4., 5., 7., 8., 10., 11., 13., 14.], "block {block}");
            assert_eq!((matrix.n_rows(), matrix.columns()), (5, 2));
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        for (rows, columns) in [(usize::MAX, 2), (usize::MAX / 4, 1)] {
            assert_eq!(Matrix::with_room(rows, columns).unwrap_err().kind(), ErrorKind::OutOfMemory);
        }
    }
}
