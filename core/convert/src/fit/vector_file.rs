//! The teacher's vectors on disk: 16-bit floats, one row for each text, appended as they are computed.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, ErrorKind, Result};
use half::f16;

use super::loss::normalize;

/// Bytes of an element.
const WIDTH: usize = size_of::<f16>();

/// A file of vectors of length 1, in the order of the texts. Locked while it is open.
#[derive(Debug)]
pub(super) struct VectorFile {
    file: File,
    path: PathBuf,
    dim: usize,
    n_rows: usize,
}

impl VectorFile {
    /// Opens a file, or creates it.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when another process has it open, [`ErrorKind::Io`].
    pub(super) fn open(path: &Path, dim: usize) -> Result<Self> {
        let failed = |err| unusable(path, err);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        file.try_lock().map_err(|err| match err {
            TryLockError::WouldBlock => {
                Error::new(ErrorKind::Busy, "another process fits a table to the same vectors of the same model")
                    .with_hint("wait for it, or work in another cache folder")
            }
            TryLockError::Error(err) => failed(err),
        })?;
        let bytes = file.metadata().map_err(failed)?.len();
        let n_rows = usize::try_from(bytes).unwrap_or(usize::MAX) / (dim * WIDTH);
        Ok(Self { file, path: path.to_owned(), dim, n_rows })
    }

    /// Whole rows in the file.
    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Numbers in each vector.
    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Keeps the first `n_rows` rows, of which there are at least so many, and nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    pub(super) fn truncate(&mut self, n_rows: usize) -> Result<()> {
        let bytes = (n_rows * self.dim * WIDTH) as u64;
        self.file.set_len(bytes).map_err(|err| unusable(&self.path, err))?;
        self.n_rows = n_rows;
        Ok(())
    }

    /// Appends vectors, `[rows, dim]`, scaled to length 1, and brings them to the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] for a vector that is not finite, which is named by its row, [`ErrorKind::Io`].
    pub(super) fn append(&mut self, mut vectors: Vec<f32>) -> Result<()> {
        let mut bytes = Vec::with_capacity(vectors.len() * WIDTH);
        for (row, vector) in vectors.chunks_exact_mut(self.dim).enumerate() {
            // The square of a finite number may be none.
            let largest = vector.iter().fold(0.0_f32, |largest, element| largest.max(element.abs()));
            if !vector.iter().all(|element| element.is_finite()) {
                let text = self.n_rows + row;
                return Err(Error::model(format!("the transformer's vector of text {text} holds NaN or an infinity"))
                    .with_hint("run it in f32; if that gives the same, the weights are damaged"));
            }
            if largest > 0.0 {
                vector.iter_mut().for_each(|element| *element /= largest);
            }
            normalize(vector);
            bytes.extend(vector.iter().flat_map(|&element| f16::from_f32(element).to_le_bytes()));
        }
        let written = (&self.file)
            .seek(SeekFrom::Start((self.n_rows * self.dim * WIDTH) as u64))
            .and_then(|_| (&self.file).write_all(&bytes))
            .and_then(|()| self.file.sync_data());
        written.map_err(|err| unusable(&self.path, err))?;
        self.n_rows += vectors.len() / self.dim;
        Ok(())
    }

    /// Replaces `out` by the vectors in these rows.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], also for numbers that are not finite.
    pub(super) fn read(&self, rows: &[u32], out: &mut Vec<f32>) -> Result<()> {
        let mut bytes = vec![0; self.dim * WIDTH];
        out.clear();
        out.reserve(rows.len() * self.dim);
        for &row in rows {
            let start = u64::from(row) * bytes.len() as u64;
            let found = (&self.file).seek(SeekFrom::Start(start)).and_then(|_| (&self.file).read_exact(&mut bytes));
            found.map_err(|err| unusable(&self.path, err))?;
            out.extend(bytes.as_chunks().0.iter().map(|&element| f16::from_le_bytes(element).to_f32()));
        }
        if !out.iter().all(|element| element.is_finite()) {
            let message = format!("`{}` is damaged: it holds numbers that were never written", self.path.display());
            return Err(Error::io(message).with_hint("remove it, and it is made again"));
        }
        Ok(())
    }
}

fn unusable(path: &Path, err: io::Error) -> Error {
    Error::io(format!("failed to read or write `{}`", path.display()))
        .with_source(err)
        .with_hint("make room, or work in another cache folder")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn rows_come_back_at_length_one_and_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors");
        let mut file = VectorFile::open(&path, 2).unwrap();
        file.append(vec![3.0, 4.0, 0.0, 0.0]).unwrap();
        file.append(vec![-1e30, 0.0]).unwrap();
        drop(file);
        // A row of which a part was written before the end is none.
        let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
        torn.write_all(&[1, 2, 3]).unwrap();
        drop(torn);
        let mut file = VectorFile::open(&path, 2).unwrap();
        assert_eq!(file.n_rows(), 3);
        file.append(vec![0.0, 7.0]).unwrap();
        let mut found = vec![9.0];
        file.read(&[3, 0, 2, 1], &mut found).unwrap();
        for (found, expect) in found.iter().zip([0.0, 1.0, 0.6, 0.8, -1.0, 0.0, 0.0, 0.0]) {
            assert!((found - expect).abs() < 1e-3, "{found} {expect}");
        }
        file.truncate(1).unwrap();
        assert_eq!(file.read(&[1], &mut found).unwrap_err().kind(), ErrorKind::Io);
        fs::write(&path, [0xff; 4]).unwrap();
        assert!(file.read(&[0], &mut found).unwrap_err().message().contains("damaged"));
    }

    #[test]
    fn vectors_that_are_not_finite_are_refused_by_their_row() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = VectorFile::open(&folder.path().join("vectors"), 2).unwrap();
        file.append(vec![1.0, 0.0]).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            let err = file.append(vec![1.0, 0.0, 0.0, bad]).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Model);
            assert!(err.message().contains("text 2"), "{err}");
        }
        assert_eq!(file.n_rows(), 1);
    }

    #[test]
    fn two_cannot_have_it_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors");
        let first = VectorFile::open(&path, 2).unwrap();
        assert_eq!(VectorFile::open(&path, 2).unwrap_err().kind(), ErrorKind::Busy);
        drop(first);
        assert!(VectorFile::open(&path, 2).is_ok());
    }
}
