//! Trials that are kept, so that the same question is answered without running anything.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use drivetrain_planner::{probe::FileStamp, tune::Trial};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::Outlook;

/// Version of the files, the only one there is so far.
const VERSION: u32 = 1;
/// Folder below the cache folder.
const FOLDER: &str = "trials";
/// A race has some kilobytes; more than this is no file of ours.
const MAX_BYTES: u64 = 1 << 20;
/// Races that are kept; the oldest make room.
const MAX_RACES: usize = 256;

/// A file.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// What the trials depend on.
    key: Value,
    trials: Vec<Trial>,
}

/// What is known by trial of a situation like this one; nothing where no race was run, or where its file cannot be read,
/// which is said.
pub(super) fn read(outlook: &Outlook<'_>) -> Vec<Trial> {
    let key = key(outlook);
    let path = path(outlook, &key);
    match read_file(&path) {
        Ok(Some(kept)) if kept.key == key => kept.trials,
        Ok(_) => Vec::new(),
        Err(err) => {
            log::warn!("{}; what it knew has to be found out again", err.to_text());
            Vec::new()
        }
    }
}

/// Keeps what is known by trial.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when the cache folder cannot be written.
pub(super) fn write(outlook: &Outlook<'_>, trials: &[Trial]) -> Result<()> {
    let key = key(outlook);
    let path = path(outlook, &key);
    let kept = Kept { version: VERSION, key, trials: trials.to_vec() };
    let failed = |err: std::io::Error| Error::io(format!("cannot write `{}`", path.display())).with_source(err);
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder).map_err(failed)?;
    make_room(folder);
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    let text =
        serde_json::to_string_pretty(&kept).map_err(|err| Error::internal("trials are no JSON").with_source(err))?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(&path).map_err(|err| failed(err.error))?;
    Ok(())
}

/// Everything that trials depend on: machine, engines with their libraries, the model's files, the texts and scored pairs,
/// who took part and what they may lose.
fn key(outlook: &Outlook<'_>) -> Value {
    let field = outlook.field();
    let (package, engines) = outlook.circumstances();
    let (hardware, texts) = (outlook.hardware().identity(), outlook.lengths().key());
    let pairs = outlook.profile().accuracy.pairs.value.as_deref().map(|path| FileStamp::of(path).ok());
    json!({
        "hardware": hardware,
        "engines": engines,
        "package": package,
        "texts": texts,
        "pairs": pairs,
        "goal": field.goal,
        "budget": field.budget,
        "contenders": field.contenders,
    })
}

fn path(outlook: &Outlook<'_>, key: &Value) -> PathBuf {
    let digest = Sha256::digest(key.to_string());
    let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    outlook.look.locations.cache().join(FOLDER).join(format!("{name}.json"))
}

fn read_file(path: &Path) -> Result<Option<Kept>> {
    let broken = |why: String| Error::invalid(format!("`{}` cannot be used: {why}", path.display()));
    let Ok(file) = File::open(path) else { return Ok(None) };
    let mut text = String::new();
    let length = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|err| broken(err.to_string()))?;
    if length as u64 > MAX_BYTES {
        return Err(broken("it is too large".to_owned()));
    }
    let value: Value = serde_json::from_str(&text).map_err(|err| broken(err.to_string()))?;
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {
            serde_json::from_value(value).map(Some).map_err(|err| broken(err.to_string()))
        }
        Some(version) => Err(broken(format!("it has version {version}, and {VERSION} is known"))),
        None => Err(broken("it has no version".to_owned())),
    }
}

/// Removes the oldest where there are too many. One that cannot be removed stays.
fn make_room(folder: &Path) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    files.sort();
    for (_, path) in files.iter().take((files.len() + 1).saturating_sub(MAX_RACES)) {
        let _ = fs::remove_file(path);
    }
}
