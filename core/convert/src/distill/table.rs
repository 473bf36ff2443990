//! The table as it is stored: little-endian elements of the chosen type.

use std::{borrow::Cow, fmt};

use drivetrain_contract::{Error, Result};
use half::f16;
use safetensors::{Dtype, View};

use super::{matrix::Matrix, options::TableType};

/// Elements of a static table, and their scales where it has some.
pub(crate) struct Table {
    table_type: TableType,
    embeddings: Tensor,
    /// A factor for each row.
    weights: Option<Tensor>,
}

impl Table {
    /// Encodes a table of finite elements.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when an element is beyond the range of the type.
    pub(crate) fn encode(matrix: &Matrix, table_type: TableType) -> Result<Self> {
        let shape = vec![matrix.n_rows(), matrix.columns()];
        let (dtype, data, scales) = match table_type {
            TableType::F32 => (Dtype::F32, matrix.data().iter().flat_map(|x| x.to_le_bytes()).collect(), None),
            TableType::F16 => (Dtype::F16, encode_f16(matrix)?, None),
            TableType::I8 => {
                let (data, scales) = encode_i8(matrix);
                (Dtype::I8, data, Some(scales))
            }
        };
        let weights = scales.map(|data| Tensor { dtype: Dtype::F32, shape: vec![matrix.n_rows()], data });
        Ok(Self { table_type, embeddings: Tensor { dtype, shape, data }, weights })
    }

    pub(crate) fn table_type(&self) -> TableType {
        self.table_type
    }

    pub(crate) fn rows(&self) -> usize {
        self.embeddings.shape[0]
    }

    pub(crate) fn dims(&self) -> usize {
        self.embeddings.shape[1]
    }

    /// A safetensors file of `embeddings` `[rows, dims]` and, where there are scales, `weights` `[rows]`.
    pub(crate) fn to_safetensors(&self) -> Result<Vec<u8>> {
        let tensors = [("embeddings", Some(&self.embeddings)), ("weights", self.weights.as_ref())];
        let present = tensors.into_iter().filter_map(|(name, tensor)| Some((name, tensor?)));
        safetensors::serialize(present, None)
            .map_err(|err| Error::internal("failed to lay out `model.safetensors`").with_source(err))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} × {}, {})", self.rows(), self.dims(), self.table_type)
    }
}

fn encode_f16(matrix: &Matrix) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(matrix.data().len() * 2);
    for &element in matrix.data() {
        let half = f16::from_f32(element);
        if !half.is_finite() {
            return Err(Error::unsupported(format!("{element} is beyond the range of 16-bit floats"))
                .with_hint("distil to f32 or i8 instead"));
        }
        bytes.extend(half.to_le_bytes());
    }
    Ok(bytes)
}

/// Each row divided by a scale that brings its greatest magnitude to 127, and these scales.
///
/// model2vec scales the whole table by one number instead. Scales of rows cost 4 bytes each and keep vectors of texts
/// within a cosine of 0.9999 of the exact ones, where one scale for all gets down to 0.997.
fn encode_i8(matrix: &Matrix) -> (Vec<u8>, Vec<u8>) {
    let mut elements = Vec::with_capacity(matrix.data().len());
    let mut scales = Vec::with_capacity(matrix.n_rows() * 4);
    for row in matrix.rows() {
        let largest = row.iter().fold(0.0_f32, |largest, element| largest.max(element.abs()));
        let scale = largest / 127.0;
        // A row that is zero, or so small that its scale is, stays zero.
        let inverse = if scale > 0.0 { 127.0 / f64::from(largest) } else { 0.0 };
        elements.extend(row.iter().map(|&element| (f64::from(element) * inverse).round() as i8 as u8));
        scales.extend(scale.to_le_bytes());
    }
    (elements, scales)
}

/// One tensor of a safetensors file.
struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    fn decode(table: &Table) -> Vec<f32> {
        let data = &table.embeddings.data;
        match table.table_type {
            TableType::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            TableType::F16 => data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            TableType::I8 => {
                let scales = table.weights.as_ref().unwrap().data.as_chunks().0;
                let scales: Vec<f32> = scales.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
                data.iter().enumerate().map(|(i, &byte)| f32::from(byte as i8) * scales[i / table.dims()]).collect()
            }
        }
    }

    #[test]
    fn elements_come_back_within_the_step_of_the_type() {
        let rows = vec![0.5, -1.0, 0.25, 100.0, -3.0, 7.5, 1e-3, 2e-3, -5e-4, 0.0, 0.0, 0.0];
        let matrix = Matrix::from_rows(3, rows.clone());
        for table_type in TableType::ALL {
            let table = Table::encode(&matrix, table_type).unwrap();
            assert_eq!((table.rows(), table.dims()), (4, 3));
            for (row, (found, exact)) in decode(&table).chunks(3).zip(rows.chunks(3)).enumerate() {
                let largest = exact.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
                let step = match table_type {
                    TableType::F32 => 0.0,
                    TableType::F16 => largest / 2048.0,
                    TableType::I8 => largest / 127.0 * 0.501,
                };
                for (found, exact) in found.iter().zip(exact) {
                    assert!((found - exact).abs() <= step, "{table_type}, row {row}: {found} for {exact}");
                }
            }
        }
    }

    #[test]
    fn elements_beyond_the_type_are_refused() {
        let matrix = Matrix::from_rows(1, vec![1.0, 70_000.0]);
        assert_eq!(Table::encode(&matrix, TableType::F16).unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(Table::encode(&matrix, TableType::I8).is_ok());
    }

    #[test]
    fn tiny_and_huge_rows_survive_eight_bits() {
        let matrix = Matrix::from_rows(2, vec![1e-45, 0.0, f32::MAX, -f32::MAX]);
        let found = decode(&Table::encode(&matrix, TableType::I8).unwrap());
        assert_eq!(found[..2], [0.0, 0.0]);
        assert!(found[2] > 0.99 * f32::MAX && found[3] < -0.99 * f32::MAX, "{found:?}");
    }
}
