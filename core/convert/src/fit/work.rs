//! The folder in which a fitting keeps what it has done.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use drivetrain_contract::{ArtifactData, Error, Result, format};
use drivetrain_package::Package;
use sha2::{Digest, Sha256};

use super::{checkpoint::Checkpoint, corpus::Corpus, options::FitOptions, teacher::Teacher, vector_file::VectorFile};

/// Hexadecimal digits of a hash in a name.
const HASH_DIGITS: usize = 16;

/// A folder for one model, one teacher and one set of texts.
#[derive(Debug)]
pub(super) struct WorkFolder {
    folder: PathBuf,
}

impl WorkFolder {
    /// The folder below `root`, which is created if need be.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`].
    pub(super) fn open(root: &Path, package: &Package, corpus: &Corpus, teacher: &dyn Teacher) -> Result<Self> {
        let mut digest = Sha256::new();
        for part in [&*package.description_json(), &*teacher.identity(), &corpus.sha256] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        digest.update(package.tokenizer_json()?);
        add_weights(&mut digest, package);
        let folder = root.join(format!("{}-{}", file_name(package.name()), short(digest)));
        fs::create_dir_all(&folder).map_err(|err| {
            Error::io(format!("failed to create the folder `{}`", folder.display()))
                .with_source(err)
                .with_hint("name another cache folder: DRIVETRAIN_CACHE")
        })?;
        Ok(Self { folder })
    }

    /// The teacher's vectors, whole or in part.
    ///
    /// # Errors
    /// Those of [`VectorFile::open`].
    pub(super) fn vectors(&self, dim: usize) -> Result<VectorFile> {
        VectorFile::open(&self.folder.join("teacher.f16"), dim)
    }

    /// How far a training with these options has come. How long it may last and what is made of the table in the end do
    /// not change what comes before.
    pub(super) fn checkpoint(&self, options: &FitOptions) -> Checkpoint {
        let FitOptions { batch_texts, learning_rate, pair_weight, held_out, seed, .. } = options;
        let mut digest = Sha256::new();
        let course = (batch_texts, learning_rate, pair_weight, held_out, seed, options.table.sif_coefficient);
        digest.update(format!("{course:?}"));
        Checkpoint::at(self.folder.join(format!("training-{}.checkpoint", short(digest))))
    }
}

/// Place, length and age of the weights, or of whatever else there is to run.
fn add_weights(digest: &mut Sha256, package: &Package) {
    let model = package.model();
    let weights = model.artifacts.iter().filter(|artifact| artifact.format == format::SAFETENSORS);
    let artifacts: Vec<_> = weights.collect();
    let artifacts = if artifacts.is_empty() { model.artifacts.iter().collect() } else { artifacts };
    for artifact in artifacts {
        match &artifact.data {
            ArtifactData::Path(path) => {
                digest.update(path.as_os_str().as_encoded_bytes());
                let facts = fs::metadata(path);
                let changed = facts.as_ref().ok().and_then(|facts| facts.modified().ok());
                let age = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                digest.update(facts.map_or(0, |facts| facts.len()).to_le_bytes());
                digest.update(age.map_or(0, |age| age.as_nanos()).to_le_bytes());
            }
            data => digest.update(data.bytes().unwrap_or_default()),
        }
    }
}

fn short(digest: Sha256) -> String {
    let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits[..HASH_DIGITS].to_owned()
}

/// The name of a model without anything that could lead to another folder.
fn file_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    name.trim_start_matches('.').to_owned()
}
