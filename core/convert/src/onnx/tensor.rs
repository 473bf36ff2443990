//! The tensors of a graph, read as they are written.

use drivetrain_contract::Result;
use drivetrain_package::Weights;

use super::{graph::Value, schema::ElementType};

/// Numbers turned into bytes at a time.
const PIECE_ELEMENTS: usize = 1 << 16;

/// Numbers held while a matrix is transposed: 128 MiB.
const BLOCK_ELEMENTS: usize = 1 << 25;

/// A tensor of the graph; `'a` is the life of the weights it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
    /// Name in the graph.
    pub(crate) name: Value,
    /// Shape in the graph.
    pub(crate) dims: Vec<usize>,
    pub(crate) contents: Contents<'a>,
}

/// What a tensor holds.
#[derive(Clone, Debug)]
pub(crate) enum Contents<'a> {
    /// A few bytes of the graph's own.
    Constant { element_type: ElementType, bytes: Vec<u8> },
    /// A weight, written as 32-bit floats.
    Stored {
        weights: &'a Weights,
        /// Name in `weights`.
        stored_name: String,
        /// Whether the two axes change places.
        transposed: bool,
    },
}

impl Tensor<'_> {
    pub(crate) fn element_type(&self) -> ElementType {
        match &self.contents {
            Contents::Constant { element_type, .. } => *element_type,
            Contents::Stored { .. } => ElementType::F32,
        }
    }

    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.contents, Contents::Stored { .. })
    }

    /// Number of bytes that [`Tensor::for_each_piece`] gives.
    pub(crate) fn n_bytes(&self) -> u64 {
        match &self.contents {
            Contents::Constant { bytes, .. } => bytes.len() as u64,
            Contents::Stored { .. } => self.dims.iter().map(|&extent| extent as u64).product::<u64>() * 4,
        }
    }

    /// The tensor's bytes in pieces, little-endian, row-major in the shape of the graph.
    pub(crate) fn for_each_piece(&self, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (weights, name) = match &self.contents {
            Contents::Constant { bytes, .. } => return f(bytes),
            Contents::Stored { weights, stored_name, .. } => (weights, stored_name),
        };
        let mut bytes = Vec::new();
        let mut write = |numbers: &[f32]| {
            numbers.chunks(PIECE_ELEMENTS).try_for_each(|piece| {
                to_bytes(piece, &mut bytes);
                f(&bytes)
            })
        };
        match (&self.contents, &*self.dims) {
            // The graph's shape is that after transposition.
            (Contents::Stored { transposed: true, .. }, &[columns, rows]) => {
                let matrix = Matrix { rows, columns, block_elements: BLOCK_ELEMENTS };
                matrix.for_each_transposed(weights, name, &mut write)
            }
            _ => weights.for_each_chunk(name, PIECE_ELEMENTS, &mut write),
        }
    }
}

fn to_bytes(numbers: &[f32], bytes: &mut Vec<u8>) {
    bytes.resize(numbers.len() * 4, 0);
    let (words, _) = bytes.as_chunks_mut::<4>();
    for (word, number) in words.iter_mut().zip(numbers) {
        *word = number.to_le_bytes();
    }
}

/// A stored matrix, to be transposed in bounded memory.
struct Matrix {
    rows: usize,
    columns: usize,
    block_elements: usize,
}

impl Matrix {
    /// Gives the transposed matrix in blocks of whole rows of it.
    ///
    /// Each block takes a pass over the stored tensor, which costs less than holding a tensor of any size: all but the
    /// largest language models need a single one.
    fn for_each_transposed(
        &self,
        weights: &Weights,
        name: &str,
        f: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        let width = (self.block_elements / self.rows.max(1)).clamp(1, self.columns.max(1));
        let mut block = Vec::new();
        for first in (0..self.columns).step_by(width) {
            let last = self.columns.min(first + width);
            block.clear();
            block.resize((last - first) * self.rows, 0.0);
            let mut idx = 0;
            weights.for_each_chunk(name, usize::MAX, &mut |chunk| {
                self.scatter(chunk, idx, first..last, &mut block);
                idx += chunk.len();
                Ok(())
            })?;
            f(&block)?;
        }
        Ok(())
    }

    /// Puts those numbers of `chunk`, which begins at element `idx` of the matrix, into `block` that lie in `columns`.
    fn scatter(&self, mut chunk: &[f32], mut idx: usize, columns: std::ops::Range<usize>, block: &mut [f32]) {
        while !chunk.is_empty() {
            let (row, column) = (idx / self.columns, idx % self.columns);
            let (segment, rest) = chunk.split_at(chunk.len().min(self.columns - column));
            let wanted = columns.start.max(column)..columns.end.min(column + segment.len());
            for wanted_column in wanted {
                block[(wanted_column - columns.start) * self.rows + row] = segment[wanted_column - column];
            }
            idx += segment.len();
            chunk = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transposes in blocks of `block_elements` what comes in chunks of `chunk_len`, without a file between.
    fn check(rows: usize, columns: usize, block_elements: usize, chunk_len: usize) {
        let stored: Vec<f32> = (0..rows * columns).map(|idx| idx as f32).collect();
        let matrix = Matrix { rows, columns, block_elements };
        let width = (block_elements / rows).clamp(1, columns);
        let mut transposed = Vec::new();
        for first in (0..columns).step_by(width) {
            let last = columns.min(first + width);
            let mut block = vec![f32::NAN; (last - first) * rows];
            for (chunk_idx, chunk) in stored.chunks(chunk_len).enumerate() {
                matrix.scatter(chunk, chunk_idx * chunk_len, first..last, &mut block);
            }
            transposed.extend(block);
        }
        let expect: Vec<f32> =
            (0..columns).flat_map(|column| (0..rows).map(move |row| (row * columns + column) as f32)).collect();
        assert_eq!(transposed, expect, "{rows} × {columns}, blocks of {block_elements}, chunks of {chunk_len}");
    }

    #[test]
    fn any_block_and_chunk_size_transposes() {
        for (rows, columns) in [(1, 1), (1, 7), (7, 1), (5, 7), (8, 4)] {
            for block_elements in [1, rows, 3 * rows + 1, rows * columns, 1000] {
                for chunk_len in [1, 3, columns, 2 * columns + 1, 1000] {
                    check(rows, columns, block_elements, chunk_len);
                }
            }
        }
    }
}
