//! What is named as input, and the files that turn out to be meant.

use std::{
    fmt,
    fs::Metadata,
    io::BufRead,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    records::{ReadOptions, Records},
    walk::files_below,
};
use crate::failure::{quoted, unreadable};

/// Something to read texts from.
pub enum Input {
    /// The texts themselves.
    Texts(Vec<String>),
    /// Bytes that come by themselves, such as standard input, and what messages call them.
    Stream(String, Box<dyn BufRead + Send>),
    /// A file; a folder, of which every file with a known extension is read; or a pattern with `*`, `?`, `[…]` or `**`.
    Path(PathBuf),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Texts(texts) => f.debug_tuple("Texts").field(&texts.len()).finish(),
            Self::Stream(label, _) => f.debug_tuple("Stream").field(label).finish_non_exhaustive(),
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
        }
    }
}

/// Inputs that are there, in the order in which they are read.
#[derive(Debug)]
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Debug)]
pub(super) enum Source {
    /// Texts, or a stream.
    Given(Input),
    File {
        path: PathBuf,
        facts: InputFacts,
    },
}

/// By what an input is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFacts {
    /// Full path, or what messages call it.
    pub name: String,
    /// Length, where there is one.
    pub bytes: Option<u64>,
    /// What changes when the contents do: the time of the last change of a file, in seconds since 1970, or a digest.
    pub stamp: Option<String>,
}

impl Sources {
    /// Finds what is meant by `inputs`. Of folders and patterns, `output` is left out: the file or folder that will be
    /// written.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] for what cannot be read, [`drivetrain_contract::ErrorKind::NotFound`] for
    /// a folder or pattern without a file, [`drivetrain_contract::ErrorKind::Invalid`] for a malformed pattern and for
    /// a file that is the output.
    pub fn find(inputs: Vec<Input>, output: Option<&Path>) -> Result<Self> {
        let output = output.and_then(real_place);
        let mut sources = Vec::new();
        for input in inputs {
            match input {
                Input::Path(path) => {
                    for path in expand(&path, output.as_deref())? {
                        sources.push(Source::file(path)?);
                    }
                }
                given => sources.push(Source::Given(given)),
            }
        }
        Ok(Self { sources })
    }

    /// Bytes of all of them as they lie on disk, if that is known.
    pub fn n_bytes(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.facts().bytes).sum()
    }

    /// By what they are known again.
    pub fn facts(&self) -> Vec<InputFacts> {
        self.sources.iter().map(Source::facts).collect()
    }

    /// Reads them.
    pub fn read(self, options: ReadOptions) -> Records {
        Records::new(self.sources, options)
    }
}

impl Source {
    fn file(path: PathBuf) -> Result<Self> {
        let metadata = path.metadata().map_err(|err| unreadable(&quoted(&path), err))?;
        let full = path.canonicalize().unwrap_or_else(|_| path.clone());
        let facts = InputFacts {
            name: full.to_string_lossy().into_owned(),
            bytes: metadata.is_file().then_some(metadata.len()),
            stamp: modified(&metadata).filter(|_| metadata.is_file()),
        };
        Ok(Self::File { path, facts })
    }

    fn facts(&self) -> InputFacts {
        match self {
            Self::File { facts, .. } => facts.clone(),
            Self::Given(Input::Texts(texts)) => InputFacts {
                name: "the texts given".to_owned(),
                bytes: Some(texts.iter().map(|text| text.len() as u64).sum()),
                stamp: Some(digest(texts)),
            },
            Self::Given(Input::Stream(label, _)) => InputFacts { name: label.clone(), bytes: None, stamp: None },
            Self::Given(Input::Path(path)) => InputFacts { name: quoted(path), bytes: None, stamp: None },
        }
    }
}

/// SHA-256 over texts and their lengths.
pub(crate) fn digest<T: AsRef<str>>(texts: &[T]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.as_ref().len() as u64).to_le_bytes());
        hash.update(text.as_ref());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn modified(metadata: &Metadata) -> Option<String> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09}", since.as_secs(), since.subsec_nanos()))
}

/// The files that a path means, without the output.
fn expand(path: &Path, output: Option<&Path>) -> Result<Vec<PathBuf>> {
    let is_output =
        |file: &PathBuf| output.is_some_and(|output| real_place(file).is_some_and(|file| file.starts_with(output)));
    let unreadable = |err| unreadable(&quoted(path), err);
    if path.is_dir() {
        let mut files = files_below(path).map_err(unreadable)?;
        files.retain(|file| !is_output(file));
        return match files.is_empty() {
            true => Err(Error::not_found(format!("{} is a folder without a file to read", quoted(path)))
                .with_hint("read are .txt, .jsonl, .ndjson, .csv, .tsv and .parquet, also with .gz or .zst behind")),
            false => Ok(files),
        };
    }
    let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']) && !path.exists());
    let Some(pattern) = pattern else {
        return match is_output(&path.to_owned()) {
            true => Err(Error::invalid(format!("{} is both input and output", quoted(path)))
                .with_hint("give the output another name")),
            false => Ok(vec![path.to_owned()]),
        };
    };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let matches = glob::glob_with(pattern, options)
        .map_err(|err| Error::invalid(format!("{} is not a pattern", quoted(path))).with_source(err))?;
    let mut files = Vec::new();
    for entry in matches {
        let entry = entry.map_err(|err| unreadable(err.into()))?;
        if entry.is_file() && !is_output(&entry) {
            files.push(entry);
        }
    }
    match files.is_empty() {
        true => Err(Error::not_found(format!("there is no file like {}", quoted(path)))),
        false => Ok(files),
    }
}

/// Where a path leads, also if there is nothing yet.
fn real_place(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    })
}
