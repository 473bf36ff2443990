//! NumPy's format, version 1.0: a header of fixed length, patched with the number of rows at the end.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::{self, Write};

use drivetrain::Embeddings;

use crate::output::file::AtomicFile;

/// Length of magic, version, length field and text: a multiple of 64, with room for any number of rows.
const HEADER_BYTES: usize = 128;
/// Magic (6), version (2) and the length of what follows (2).
const PREAMBLE_BYTES: usize = 10;

/// Writes `float32 [n, dim]` row by row.
pub(crate) struct NpyWriter {
    file: AtomicFile,
    dim: usize,
    n_rows: u64,
}

impl NpyWriter {
    pub(crate) fn new(mut file: AtomicFile, dim: usize) -> io::Result<Self> {
        file.write_all(&header(0, dim))?;
        Ok(Self { file, dim, n_rows: 0 })
    }

    pub(crate) fn write(&mut self, embeddings: &Embeddings) -> io::Result<()> {
        for row in embeddings.rows() {
            for value in row {
                self.file.write_all(&value.to_le_bytes())?;
            }
            self.n_rows += 1;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.rewrite_at(0, &header(self.n_rows, self.dim))?;
        self.file.finish()
    }
}

fn header(n_rows: u64, dim: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(b"\x93NUMPY\x01\x00");
    header.extend_from_slice(&((HEADER_BYTES - PREAMBLE_BYTES) as u16).to_le_bytes());
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {dim}), }}");
    header.extend_from_slice(text.as_bytes());
    header.resize(HEADER_BYTES - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_keeps_its_length_and_is_read_by_others() {
        assert_eq!(header(0, 1).len(), HEADER_BYTES);
        assert_eq!(header(u64::MAX, usize::MAX).len(), HEADER_BYTES);
        let mut bytes = header(2, 3);
        (0..6).for_each(|value| bytes.extend_from_slice(&(value as f32).to_le_bytes()));
        let array = npyz::NpyFile::new(&bytes[..]).unwrap();
        assert_eq!(array.shape(), [2, 3]);
        assert_eq!(array.into_vec::<f32>().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
