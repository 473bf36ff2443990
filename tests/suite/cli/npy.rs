//! NumPy files, whole and otherwise.

use std::{fs, path::Path};

/// A two-dimensional array of 32-bit floats.
#[derive(Debug, PartialEq)]
pub(super) struct Npy {
    pub(super) shape: [usize; 2],
    pub(super) data: Vec<f32>,
}

impl Npy {
    /// Reads what `drivetrain` writes: version 1.0, `<f4`, by rows.
    pub(super) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|err| panic!("`{}`: {err}", path.display()));
        assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!(start % 64, 0, "the format wants data at a multiple of 64 bytes");
        let header = String::from_utf8(bytes[10..start].to_vec()).expect("a header of text");
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': ("), "{header}");
        let extents = header.split(['(', ')']).nth(1).expect("a shape").split(", ");
        let extents: Vec<usize> = extents.map(|extent| extent.parse().expect("a number")).collect();
        let data: Vec<f32> = bytes[start..].as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let shape = [extents[0], extents[1]];
        assert_eq!(data.len(), shape[0] * shape[1], "{header}");
        Self { shape, data }
    }
}

/// A file of any kind of array.
pub(super) fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A file of 32-bit floats by rows.
pub(super) fn floats(shape: [usize; 2], data: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}\n", shape[0], shape[1]);
    let data: Vec<u8> = data.iter().flat_map(|number| number.to_le_bytes()).collect();
    file(&header, &data)
}
