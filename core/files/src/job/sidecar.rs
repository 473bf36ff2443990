//! The file beside an output that says how to go on.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Identity;
use crate::{
    failure::{quoted, unreadable, unwritable},
    output::Extent,
};

/// Version of the format that is written, and the only one that is read.
const FORMAT_VERSION: u32 = 1;
/// A longer file is none of ours.
const MOST_BYTES: u64 = 16 << 20;

/// Where the file is.
#[derive(Clone, Debug)]
pub(super) struct Sidecar {
    path: PathBuf,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    format_version: u32,
    /// Records before `position`.
    pub(super) records: u64,
    /// Where whoever computes the vectors goes on; null is the beginning.
    pub(super) position: Value,
    /// What of the output is kept; it may reach beyond `records`.
    pub(super) output: Extent,
    pub(super) identity: Identity,
}

impl State {
    pub(super) fn new((records, position): (u64, Value), output: Extent, identity: Identity) -> Self {
        Self { format_version: FORMAT_VERSION, records, position, output, identity }
    }
}

impl Sidecar {
    /// The file `<output>.job.json`.
    pub(super) fn of(output: &Path) -> Result<Self> {
        // A folder may be named by `.` or end in `/`.
        let full = output.canonicalize().or_else(|_| std::path::absolute(output));
        let full = full.map_err(|err| unwritable(output, err))?;
        let Some(name) = full.file_name() else {
            return Err(Error::invalid(format!("{} cannot be written", quoted(output))));
        };
        let folder = output.parent().filter(|_| output.file_name() == Some(name));
        let folder = folder.or(full.parent()).unwrap_or(Path::new(""));
        Ok(Self { path: folder.join(with_suffix(name, ".job.json")) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says, or `None` if it is not there.
    pub(super) fn read(&self) -> Result<Option<State>> {
        let unusable = |why: String| {
            let error = Error::invalid(format!("{} cannot be used: {why}", quoted(&self.path)));
            error.with_hint("start again without `--resume`")
        };
        let file = match File::open(&self.path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|err| unreadable(&quoted(&self.path), err))?,
        };
        let mut text = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut text);
        read.map_err(|err| unreadable(&quoted(&self.path), err))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(unusable(format!("it is longer than {} MiB", MOST_BYTES >> 20)));
        }
        let value: Value = serde_json::from_slice(&text).map_err(|err| unusable(err.to_string()))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(version) => return Err(unusable(format!("its format version {version} is not known"))),
            None => return Err(unusable("it has no format version".to_owned())),
        }
        serde_json::from_value(value).map(Some).map_err(|err| unusable(err.to_string()))
    }

    /// Replaces it at once.
    pub(super) fn write(&self, state: &State) -> Result<()> {
        let unwritable = |err: io::Error| unwritable(&self.path, err);
        let new = self.new_path();
        let text = serde_json::to_vec_pretty(state).map_err(|err| unwritable(err.into()))?;
        let mut file = File::create(&new).map_err(unwritable)?;
        file.write_all(&text).and_then(|()| file.sync_data()).map_err(unwritable)?;
        drop(file);
        // Whether the new or the old one survives a power cut does not matter: both speak of bytes that do.
        fs::rename(&new, &self.path).map_err(unwritable)
    }

    /// Removes it, if it is there.
    pub(super) fn remove(&self) -> Result<()> {
        drop(fs::remove_file(self.new_path()));
        match fs::remove_file(&self.path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(unwritable(&self.path, err)),
            _ => Ok(()),
        }
    }

    fn new_path(&self) -> PathBuf {
        with_suffix(self.path.as_os_str(), ".new").into()
    }
}

fn with_suffix(name: &std::ffi::OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}
