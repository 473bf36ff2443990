//! Formats of rows one after the other, behind a header of fixed length that is written again at the end.

use std::io::{self, Write};

use crate::{OutputFormat, Rows};

/// How rows are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Jsonl,
    Npy,
    Safetensors,
}

/// Length of either header: a multiple of 64, with room for any number of rows.
const NPY_HEADER_BYTES: usize = 128;
const SAFETENSORS_HEADER_BYTES: usize = 192;

impl Layout {
    pub(super) fn of(format: OutputFormat) -> Option<Self> {
        match format {
            OutputFormat::Jsonl => Some(Self::Jsonl),
            OutputFormat::Npy => Some(Self::Npy),
            OutputFormat::Safetensors => Some(Self::Safetensors),
            OutputFormat::Parquet => None,
        }
    }

    /// What is before the rows; its length does not depend on their number.
    pub(super) fn header(self, n_rows: u64, dim: usize) -> Vec<u8> {
        match self {
            Self::Jsonl => Vec::new(),
            Self::Npy => npy_header(n_rows, dim),
            Self::Safetensors => safetensors_header(n_rows, dim),
        }
    }

    pub(super) fn write(self, out: impl Write, rows: Rows<'_>) -> io::Result<()> {
        match self {
            Self::Jsonl => write_jsonl(out, rows),
            Self::Npy | Self::Safetensors => write_numbers(out, rows.numbers()),
        }
    }
}

#[derive(serde::Serialize)]
struct Line<'a> {
    embedding: &'a [f32],
}

/// Writes `{"embedding":[…]}` on a line for each row, each number with as many digits as it takes to read it back
/// exactly.
///
/// # Errors
/// Those of `out`.
pub fn write_jsonl(mut out: impl Write, rows: Rows<'_>) -> io::Result<()> {
    for embedding in rows.vectors() {
        serde_json::to_writer(&mut out, &Line { embedding })?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// 32-bit floats, little-endian.
fn write_numbers(mut out: impl Write, numbers: &[f32]) -> io::Result<()> {
    let mut bytes = [0; 4096];
    for numbers in numbers.chunks(bytes.len() / 4) {
        for (place, number) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        out.write_all(&bytes[..numbers.len() * 4])?;
    }
    Ok(())
}

/// NumPy's format, version 1.0: magic (6), version (2), length of what follows (2), a dictionary as Python writes it.
///
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>
fn npy_header(n_rows: u64, dim: usize) -> Vec<u8> {
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&((NPY_HEADER_BYTES - 10) as u16).to_le_bytes());
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {dim}), }}");
    header.extend_from_slice(text.as_bytes());
    header.resize(NPY_HEADER_BYTES - 1, b' ');
    header.push(b'\n');
    header
}

/// Length of what follows (8), and JSON that may end in spaces.
///
/// <https://huggingface.co/docs/safetensors/index#format>
fn safetensors_header(n_rows: u64, dim: usize) -> Vec<u8> {
    let n_bytes = u128::from(n_rows).saturating_mul(dim as u128 * 4);
    let mut header = ((SAFETENSORS_HEADER_BYTES - 8) as u64).to_le_bytes().to_vec();
    let text =
        format!("{{\"embeddings\":{{\"dtype\":\"F32\",\"shape\":[{n_rows},{dim}],\"data_offsets\":[0,{n_bytes}]}}}}");
    header.extend_from_slice(text.as_bytes());
    header.resize(SAFETENSORS_HEADER_BYTES, b' ');
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;

    fn file(layout: Layout, numbers: &[f32], dim: usize) -> Vec<u8> {
        let records = vec![Record::new("x"); numbers.len() / dim];
        let mut bytes = layout.header(records.len() as u64, dim);
        layout.write(&mut bytes, Rows::new(&records, numbers, dim).unwrap()).unwrap();
        bytes
    }

    #[test]
    fn headers_keep_their_length() {
        for (layout, length) in [(Layout::Jsonl, 0), (Layout::Npy, 128), (Layout::Safetensors, 192)] {
            for (n_rows, dim) in [(0, 1), (7, 384), (u64::MAX, u32::MAX as usize)] {
                assert_eq!(layout.header(n_rows, dim).len(), length, "{layout:?} of {n_rows}");
            }
        }
    }

    #[test]
    fn others_read_what_is_written() {
        let numbers: Vec<f32> = (0..3 * 700).map(|number| number as f32 / 7.0).collect();
        for (numbers, n_rows) in [(&numbers[..], 3), (&[], 0)] {
            let bytes = file(Layout::Npy, numbers, 700);
            let array = npyz::NpyFile::new(&bytes[..]).unwrap();
            assert_eq!(array.shape(), [n_rows as u64, 700]);
            assert_eq!(array.into_vec::<f32>().unwrap(), numbers);
            let bytes = file(Layout::Safetensors, numbers, 700);
            let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let tensor = tensors.tensor("embeddings").unwrap();
            assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F32, &[n_rows, 700][..]));
            let found = tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            assert_eq!(found.collect::<Vec<_>>(), numbers);
        }
        let bytes = file(Layout::Jsonl, &[0.1, -2.5e-20], 2);
        assert_eq!(bytes, b"{\"embedding\":[0.1,-2.5e-20]}\n");
    }
}
