//! A file of vectors in NumPy's format.

use std::{fs::File, io::BufReader, path::Path};

use npyz::{DType, NpyFile, Order, TypeChar};

use crate::exit::{Blame, CommandError};

/// Vectors as 32-bit floats, row-major.
#[derive(Debug)]
pub(crate) struct Matrix {
    n_columns: usize,
    n_rows: usize,
    data: Vec<f32>,
}

impl Matrix {
    /// Reads a two-dimensional array of floats.
    pub(crate) fn read_npy(path: &Path) -> anyhow::Result<Self> {
        let refused = |what: String| CommandError::new(Blame::Input, format!("`{}`: {what}", path.display()));
        let file = File::open(path).map_err(|err| refused(format!("cannot be opened: {err}")))?;
        let length = file.metadata().map_err(|err| refused(err.to_string()))?.len();
        let array = NpyFile::new(BufReader::new(file)).map_err(|err| refused(format!("not a NumPy array: {err}")))?;
        let &[n_rows, n_columns] = array.shape() else {
            return Err(refused(format!("has the shape {:?}, not [n, dim]", array.shape())).into());
        };
        if array.order() != Order::C {
            return Err(refused("is stored by columns; save it with `np.ascontiguousarray`".into()).into());
        }
        let width = width(&array.dtype()).ok_or_else(|| refused("holds no floats".into()))?;
        let bytes = n_rows.checked_mul(n_columns).and_then(|count| count.checked_mul(width));
        // The header may claim anything; nothing is allocated for data that cannot be there.
        if bytes.is_none_or(|bytes| bytes > length) {
            return Err(refused(format!("is cut short: {length} bytes cannot hold [{n_rows}, {n_columns}]")).into());
        }
        let data = read(array, width).map_err(|err| refused(format!("cannot be read: {err}")))?;
        Ok(Self { n_columns: usize::try_from(n_columns)?, n_rows: usize::try_from(n_rows)?, data })
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        (0..self.n_rows).map(|row| &self.data[row * self.n_columns..(row + 1) * self.n_columns])
    }
}

/// Bytes of one element, for the float types that are read.
fn width(dtype: &DType) -> Option<u64> {
    match dtype {
        DType::Plain(kind) if kind.type_char() == TypeChar::Float => Some(kind.size_field()),
        _ => None,
    }
    .filter(|width| [4, 8].contains(width))
}

fn read<R: std::io::Read>(array: NpyFile<R>, width: u64) -> std::io::Result<Vec<f32>> {
    match width {
        4 => array.into_vec::<f32>(),
        _ => Ok(array.into_vec::<f64>()?.into_iter().map(|value| value as f32).collect()),
    }
}
