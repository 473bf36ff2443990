//! Weights as they are stored, turned into what the graph holds while they are read.

use std::rc::Rc;

use drivetrain_contract::{Error, Result};
use drivetrain_package::Weights;
use half::{bf16, f16};

use super::{grid::Grid, schema::ElementType};

/// Numbers turned into bytes at a time.
const PIECE_ELEMENTS: usize = 1 << 16;

/// Numbers held while a matrix is transposed: 128 MiB.
const BLOCK_ELEMENTS: usize = 1 << 25;

/// A weight in a file, and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) weights: &'a Weights,
    /// Name in `weights`.
    pub(crate) name: String,
    /// Shape in `weights`.
    pub(crate) shape: Vec<usize>,
    /// Whether the two axes of a matrix change places.
    pub(crate) transposed: bool,
    pub(crate) numbers: Numbers,
}

/// Takes the row, the column, and the numbers of a matrix from there on.
pub(crate) type RowPart<'f> = dyn FnMut(usize, usize, &[f32]) -> Result<()> + 'f;

/// How the numbers of a weight are written.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    F32,
    F16,
    Bf16,
    Int8(Rc<Grid>),
}

impl Numbers {
    pub(crate) fn element_type(&self) -> ElementType {
        match self {
            Self::F32 => ElementType::F32,
            Self::F16 => ElementType::F16,
            Self::Bf16 => ElementType::Bf16,
            Self::Int8(grid) => grid.range().element_type(),
        }
    }
}

impl Stored<'_> {
    /// The weight's bytes in pieces, little-endian, row-major in the shape of the graph.
    pub(crate) fn for_each_piece(&self, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut bytes = Vec::new();
        let mut write = |numbers: &[f32]| {
            numbers.chunks(PIECE_ELEMENTS).try_for_each(|piece| {
                self.to_bytes(piece, &mut bytes)?;
                f(&bytes)
            })
        };
        match *self.shape {
            [rows, columns] if self.transposed => {
                let matrix = Matrix { rows, columns, block_elements: BLOCK_ELEMENTS };
                matrix.for_each_transposed(&|f| self.for_each_chunk(f), &mut write)
            }
            _ => self.for_each_chunk(&mut write),
        }
    }

    /// The matrix in parts of rows, with the row and column that each begins at, as it is stored.
    pub(crate) fn for_each_row_part(&self, f: &mut RowPart<'_>) -> Result<()> {
        let columns = self.shape.last().copied().unwrap_or(1).max(1);
        let mut idx = 0;
        self.weights.for_each_chunk(&self.name, usize::MAX, &mut |mut chunk| {
            while !chunk.is_empty() {
                let (row, column) = (idx / columns, idx % columns);
                let (part, rest) = chunk.split_at(chunk.len().min(columns - column));
                f(row, column, part)?;
                idx += part.len();
                chunk = rest;
            }
            Ok(())
        })
    }

    /// The numbers of these columns of a matrix, a row for each column.
    pub(crate) fn columns(&self, wanted: &[usize]) -> Result<Vec<f32>> {
        let rows = self.shape.first().copied().unwrap_or(1);
        let mut columns = vec![0.0; wanted.len() * rows];
        self.for_each_row_part(&mut |row, first, part| {
            for (idx, &column) in wanted.iter().enumerate() {
                if let Some(&number) = column.checked_sub(first).and_then(|at| part.get(at)) {
                    columns[idx * rows + row] = number;
                }
            }
            Ok(())
        })?;
        Ok(columns)
    }

    /// The numbers in the order they are stored, rounded if they are to be integers.
    fn for_each_chunk(&self, f: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let Numbers::Int8(grid) = &self.numbers else {
            return self.weights.for_each_chunk(&self.name, usize::MAX, f);
        };
        let mut rounded = Vec::new();
        self.for_each_row_part(&mut |row, column, part| {
            rounded.clear();
            grid.round(row, column, part, &mut rounded);
            f(&rounded)
        })
    }

    fn to_bytes(&self, numbers: &[f32], bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        match &self.numbers {
            Numbers::F32 => bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes())),
            Numbers::Bf16 => bytes.extend(numbers.iter().flat_map(|&number| bf16::from_f32(number).to_le_bytes())),
            Numbers::F16 => {
                if let Some(number) = numbers.iter().find(|&&number| !f16::from_f32(number).is_finite()) {
                    return Err(self.beyond_f16(*number));
                }
                bytes.extend(numbers.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()));
            }
            Numbers::Int8(grid) => {
                let zero = grid.range().zero();
                bytes.extend(numbers.iter().map(|&number| zero.wrapping_add_signed(number as i8)));
            }
        }
        Ok(())
    }

    fn beyond_f16(&self, number: f32) -> Error {
        Error::unsupported(format!(
            "tensor `{}` in `{}` holds {number}, which is beyond 16-bit floats",
            self.name,
            self.weights.label()
        ))
        .with_hint("`bf16` has the range of 32-bit floats")
    }
}

/// A stored matrix, to be transposed in bounded memory.
struct Matrix {
    rows: usize,
    columns: usize,
    block_elements: usize,
}

/// Gives a matrix in pieces, in the order it is stored.
type Read<'r> = dyn Fn(&mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> + 'r;

impl Matrix {
    /// Gives the transposed matrix in blocks of whole rows of it.
    ///
    /// Each block takes a pass over the stored tensor, which costs less than holding a tensor of any size: all but the
    /// largest language models need a single one.
    fn for_each_transposed(&self, read: &Read<'_>, f: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
        let width = (self.block_elements / self.rows.max(1)).clamp(1, self.columns.max(1));
        let mut block = Vec::new();
        for first in (0..self.columns).step_by(width) {
            let last = self.columns.min(first + width);
            block.clear();
            block.resize((last - first) * self.rows, 0.0);
            let mut idx = 0;
            read(&mut |chunk| {
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
