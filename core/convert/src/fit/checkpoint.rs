//! How far training has come, on disk.
//!
//! A line of JSON says what follows: the table with its moments and, unless it is the best so far itself, the best
//! table; all of them 32-bit floats, little-endian.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::distill::Matrix;

/// Version of the format that is written, and the only one that is read.
const FORMAT_VERSION: u32 = 1;
/// A longer first line is none of ours.
const MOST_HEADER_BYTES: u64 = 1 << 16;
/// Floats that are read together.
const BLOCK: usize = 1 << 16;

/// What training has come to after some epochs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) table: Table,
    /// Loss of the held-out texts, before training and after each epoch.
    pub(super) losses: Vec<f64>,
    /// The table of the lowest of these losses; `None` is [`State::table`].
    pub(super) best: Option<Matrix>,
}

impl State {
    /// The place of the lowest loss: epochs behind the best table.
    pub(super) fn best_epoch(&self) -> usize {
        let lowest = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        self.losses.iter().position(|&loss| loss == lowest).unwrap_or(0)
    }

    /// Epochs that are done.
    pub(super) fn n_epochs(&self) -> usize {
        self.losses.len().saturating_sub(1)
    }
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format_version: u32,
    rows: usize,
    dim: usize,
    steps: u64,
    /// Bits, since decimal numbers might not come back as they were.
    losses: Vec<u64>,
    has_best: bool,
}

/// The file.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Replaces what was kept. Whoever calls this works in the folder alone.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn save(&self, state: &State) -> Result<()> {
        let fresh = self.path.with_extension("part");
        let saved = write(&fresh, state).and_then(|()| fs::rename(&fresh, &self.path));
        saved.map_err(|err| {
            Error::io(format!("failed to write `{}`", self.path.display()))
                .with_source(err)
                .with_hint("make room, or work in another cache folder")
        })
    }

    /// What was kept for a table of this form, if anything. A file that cannot be right is as good as none.
    pub(super) fn load(&self, rows: usize, dim: usize) -> Option<State> {
        match self.read(rows, dim) {
            Ok(state) => Some(state),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => {
                log::warn!("`{}` cannot be used, so training begins anew: {err}", self.path.display());
                None
            }
        }
    }

    fn read(&self, rows: usize, dim: usize) -> io::Result<State> {
        let file = File::open(&self.path)?;
        let bytes = file.metadata()?.len();
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        let header_bytes = reader.by_ref().take(MOST_HEADER_BYTES).read_until(b'\n', &mut line)?;
        let header: Header = serde_json::from_slice(&line)?;
        let table = Table::n_elements(rows, dim).ok_or_else(|| wrong("sizes"))?;
        let best = if header.has_best { rows * dim } else { 0 };
        let losses: Vec<f64> = header.losses.iter().map(|&bits| f64::from_bits(bits)).collect();
        let is_right = header.format_version == FORMAT_VERSION
            && (header.rows, header.dim) == (rows, dim)
            && losses.iter().all(|loss| loss.is_finite())
            && bytes.checked_sub(header_bytes as u64) == Some(4 * (table + best) as u64);
        if !is_right {
            return Err(wrong("header"));
        }
        let data = read_floats(&mut reader, table)?;
        let best = read_floats(&mut reader, best)?;
        let best = header.has_best.then(|| Matrix::from_rows(dim, best));
        Ok(State { table: Table::restore(dim, data, header.steps), losses, best })
    }

    /// Removes what was kept.
    pub(super) fn remove(&self) {
        if let Err(err) = fs::remove_file(&self.path)
            && err.kind() != io::ErrorKind::NotFound
        {
            log::info!("failed to remove `{}`: {err}", self.path.display());
        }
    }
}

fn write(path: &Path, state: &State) -> io::Result<()> {
    let header = Header {
        format_version: FORMAT_VERSION,
        rows: state.table.n_rows(),
        dim: state.table.dim(),
        steps: state.table.steps(),
        losses: state.losses.iter().map(|loss| loss.to_bits()).collect(),
        has_best: state.best.is_some(),
    };
    let mut file = BufWriter::with_capacity(4 * BLOCK, File::create(path)?);
    serde_json::to_writer(&mut file, &header)?;
    file.write_all(b"\n")?;
    for float in state.table.data().iter().chain(state.best.iter().flat_map(Matrix::data)) {
        file.write_all(&float.to_le_bytes())?;
    }
    file.into_inner()?.sync_all()
}

fn read_floats(reader: &mut impl Read, count: usize) -> io::Result<Vec<f32>> {
    let mut floats = Vec::with_capacity(count);
    let mut bytes = vec![0; 4 * BLOCK];
    while floats.len() < count {
        let block = &mut bytes[..4 * BLOCK.min(count - floats.len())];
        reader.read_exact(block)?;
        floats.extend(block.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
    }
    match floats.iter().all(|float| float.is_finite()) {
        true => Ok(floats),
        false => Err(wrong("numbers")),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("its {what} cannot be right"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(has_best: bool) -> State {
        let start = Matrix::from_rows(2, vec![0.1, -2.0, f32::MIN_POSITIVE, 4.0, 5.0, 6.0]);
        let best = has_best.then(|| start.clone());
        State { table: Table::new(&start).unwrap(), losses: vec![0.3, 0.1 + 0.2, 0.25], best }
    }

    #[test]
    fn what_was_kept_comes_back_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::at(folder.path().join("checkpoint"));
        assert_eq!(checkpoint.load(3, 2), None);
        for has_best in [true, false] {
            checkpoint.save(&state(has_best)).unwrap();
            assert_eq!(checkpoint.load(3, 2), Some(state(has_best)));
        }
        assert_eq!((state(true).best_epoch(), state(true).n_epochs()), (2, 2));
        assert_eq!(checkpoint.load(2, 3), None, "another table");
        checkpoint.remove();
        assert_eq!(checkpoint.load(3, 2), None);
    }

    #[test]
    fn damaged_files_are_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint::at(folder.path().join("checkpoint"));
        checkpoint.save(&state(true)).unwrap();
        let whole = fs::read(&checkpoint.path).unwrap();
        let text = String::from_utf8_lossy(&whole).into_owned();
        let line = text.lines().next().unwrap();
        let huge = line.replace("\"rows\":3", "\"rows\":9223372036854775807");
        let mut nan = whole.clone();
        let end = nan.len();
        nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        let cases = [&whole[..end - 1], &whole[..7], b"", b"{}\n", huge.as_bytes(), &nan, &[b'x'; 1 << 17]];
        for (case, bytes) in cases.into_iter().enumerate() {
            fs::write(&checkpoint.path, bytes).unwrap();
            assert_eq!(checkpoint.load(3, 2), None, "case {case}");
        }
    }
}
