//! A file of vectors in NumPy's format.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use half::f16;

use crate::{
    exit::{Blame, CommandError},
    input::npy_header::Header,
};

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
        let mut file = BufReader::new(file);
        let header = Header::read(&mut file).map_err(|why| refused(format!("not a NumPy array: {why}")))?;
        let [n_rows, n_columns] = header.shape[..] else {
            return Err(refused(format!("has the shape {:?}, not [n, dim]", header.shape)).into());
        };
        if header.by_columns {
            return Err(refused("is stored by columns; save it with `np.ascontiguousarray`".into()).into());
        }
        let Some(floats) = Floats::of(&header.descr) else {
            return Err(refused(format!("holds no floats of 16, 32 or 64 bits, but `{}`", header.descr)).into());
        };
        let n_bytes = n_rows.checked_mul(n_columns).and_then(|count| count.checked_mul(floats.width() as u64));
        // The header may claim anything; nothing is allocated for data that cannot be there.
        let Some(n_bytes) = n_bytes.filter(|&n_bytes| n_bytes <= length) else {
            return Err(refused(format!("is cut short: {length} bytes cannot hold [{n_rows}, {n_columns}]")).into());
        };
        let mut bytes = vec![0; usize::try_from(n_bytes)?];
        file.read_exact(&mut bytes).map_err(|err| refused(format!("cannot be read: {err}")))?;
        Ok(Self {
            n_columns: usize::try_from(n_columns)?,
            n_rows: usize::try_from(n_rows)?,
            data: floats.read(&mut bytes),
        })
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

/// How floats are stored.
#[derive(Clone, Copy, Debug)]
struct Floats {
    width: Width,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug)]
enum Width {
    Half,
    Single,
    Double,
}

impl Floats {
    fn of(descr: &str) -> Option<Self> {
        let (order, kind) = descr.split_at_checked(1)?;
        let width = match kind {
            "f2" => Width::Half,
            "f4" => Width::Single,
            "f8" => Width::Double,
            _ => return None,
        };
        matches!(order, "<" | ">").then_some(Self { width, big_endian: order == ">" })
    }

    fn width(self) -> usize {
        match self.width {
            Width::Half => 2,
            Width::Single => 4,
            Width::Double => 8,
        }
    }

    fn read(self, bytes: &mut [u8]) -> Vec<f32> {
        if self.big_endian {
            bytes.chunks_exact_mut(self.width()).for_each(<[u8]>::reverse);
        }
        match self.width {
            Width::Half => bytes.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Width::Single => bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Width::Double => bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        }
    }
}
