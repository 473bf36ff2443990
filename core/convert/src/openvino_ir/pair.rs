//! Two files that belong together, where only one can be replaced at a time.
//!
//! A reader finds the weights of `name.xml` in `name.bin`, so that, unlike the data of an ONNX file, they cannot have a
//! name of their own. Both files are written under temporary names first. Then, one process at a time, a graph of
//! other weights is removed, the weights get their name, and last the graph. Whoever is killed on the way leaves
//! weights without a graph, which nobody takes for a model.

use std::{
    fs::{self, File, TryLockError},
    path::Path,
    thread,
    time::Duration,
};

use drivetrain_contract::{Error, Result};
use sha2::{Digest, Sha256};

use super::{
    document::{Places, document},
    graph::Layer,
};
use crate::onnx::{Progress, StagedFile};

/// Key of the hash of the weights.
const HASH_KEY: &str = "weights_sha256";

/// How often a folder is tried to be locked, which others may have locked for purposes of their own.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// A finished graph with its description, ready to be written.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    name: String,
    layers: Vec<Layer<'a>>,
    facts: Vec<(&'static str, String)>,
}

impl<'a> Pair<'a> {
    pub(super) fn new(name: &str, layers: Vec<Layer<'a>>, facts: Vec<(&'static str, String)>) -> Self {
        Self { name: name.to_owned(), layers, facts }
    }

    /// Number of weights and of their elements.
    pub(super) fn weights(&self) -> (usize, u64) {
        let tensors = self.layers.iter().filter_map(|layer| layer.tensor.as_ref());
        tensors
            .filter(|tensor| tensor.is_stored())
            .fold((0, 0), |(count, elements), tensor| (count + 1, elements + tensor.n_elements()))
    }

    /// Writes both files and gives their length.
    pub(super) fn write(
        mut self,
        xml: &Path,
        bin: &Path,
        progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    ) -> Result<u64> {
        let places = Places::of(&self.layers);
        let mut weights = StagedFile::create_beside(bin)?;
        let hash = self.write_weights(&places, &mut weights, progress)?;
        self.facts.push((HASH_KEY, hash));
        let text = document(&self.name, &self.layers, &places, &self.facts);
        let mut graph = StagedFile::create_beside(xml)?;
        graph.write(text.as_bytes())?;
        weights.flush()?;
        graph.flush()?;
        let _turn = turn(bin);
        remove_other(xml, text.as_bytes())?;
        weights.publish(bin)?;
        graph.publish(xml)?;
        Ok(places.total + text.len() as u64)
    }

    /// Writes every constant at its place and gives the hash of the whole, in hexadecimal.
    fn write_weights(
        &self,
        places: &Places,
        file: &mut StagedFile,
        progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
    ) -> Result<String> {
        let mut hash = Sha256::new();
        for (offset, tensor) in places.tensors(&self.layers) {
            let gap = vec![0; (offset - file.written()) as usize];
            hash.update(&gap);
            file.write(&gap)?;
            tensor.for_each_piece(&mut |piece| {
                hash.update(piece);
                file.write(piece)?;
                progress(Progress { tensor: &tensor.name, written_bytes: file.written(), total_bytes: places.total })
            })?;
        }
        if file.written() != places.total {
            let message = format!("weights of {} bytes were written as {}", places.total, file.written());
            return Err(Error::internal(message));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Waits until no other process is giving files in the folder their names, which takes none of them long.
///
/// The folder itself is what is locked, since a file for that would have to be left behind. Where a folder cannot be
/// locked (Windows, some network drives) two processes that end at the same moment may mix their files.
fn turn(file: &Path) -> Option<File> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).ok()?;
    for _ in 0..TRIES {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Removes a graph that is not this one.
fn remove_other(xml: &Path, text: &[u8]) -> Result<()> {
    let same_length = fs::metadata(xml).is_ok_and(|found| found.is_file() && found.len() == text.len() as u64);
    if !xml.exists() || (same_length && fs::read(xml).is_ok_and(|found| found == text)) {
        return Ok(());
    }
    fs::remove_file(xml).map_err(|err| {
        Error::io(format!("failed to replace `{}`", xml.display()))
            .with_source(err)
            .with_hint("name a target in a folder that can be written")
    })
}
