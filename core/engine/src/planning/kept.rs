//! Trials that are kept, so that the same question is answered without running anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::Result;
use drivetrain_planner::{
    cache_file,
    plan::Candidate,
    probe::FileStamp,
    tune::{Outcome, Trial},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Outlook;

/// Version of the files, the only one there is so far.
const VERSION: u32 = 1;
/// Folder below the cache folder.
const FOLDER: &str = "trials";
/// Races that are kept; the oldest make room.
const MAX_RACES: usize = 256;

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What the trials depend on.
    key: Value,
    trials: Vec<Trial>,
}

/// What is known by trial of a situation like this one; nothing where no race was run, or where its file cannot be read,
/// which is said.
pub(super) fn read(outlook: &Outlook<'_>) -> Vec<Trial> {
    let key = key(outlook);
    match cache_file::read::<Kept>(&path(outlook, &key), VERSION) {
        Ok(Some(kept)) if kept.key == key => kept.trials,
        Ok(_) => Vec::new(),
        Err(err) => {
            log::warn!("{}; what was measured has to be found out again", err.to_text());
            Vec::new()
        }
    }
}

/// Keeps what is known by trial, but for failures that say nothing of another time. What was kept before stays where its
/// race was run for longer; gives what counts.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] when the cache folder cannot be written.
pub(super) fn write(outlook: &Outlook<'_>, trials: &[Trial]) -> Result<Vec<Trial>> {
    let before = read(outlook);
    if laps(&before) > laps(trials) {
        log::warn!("an earlier race had time for more laps, and still counts; `plan.tune_seconds` gives this one more");
        return Ok(before);
    }
    let key = key(outlook);
    let path = path(outlook, &key);
    path.parent().into_iter().for_each(make_room);
    let lasts = |trial: &&Trial| !matches!(trial.outcome, Outcome::Failed { may_pass: true, .. });
    let lasting = trials.iter().filter(lasts).cloned().collect();
    cache_file::write(&path, VERSION, &Kept { key, trials: lasting })?;
    Ok(trials.to_vec())
}

/// Most laps that anybody ran.
fn laps(trials: &[Trial]) -> usize {
    let laps = trials.iter().filter_map(|trial| Some(trial.figures()?.speed?.laps));
    laps.max().unwrap_or(0)
}

/// Everything that trials depend on: machine, engines with their libraries, the model's files, the texts and scored pairs,
/// who took part and what they may lose.
fn key(outlook: &Outlook<'_>) -> Value {
    let field = outlook.field();
    // Not their shapes, which depend on how much memory is free at the moment.
    let contenders: Vec<&Candidate> = field.contenders.iter().map(|one| &one.candidate).collect();
    let (package, engines) = outlook.circumstances();
    let (hardware, texts) = (outlook.hardware().identity(), outlook.lengths().key());
    let pairs = outlook.profile().accuracy.pairs.value.as_deref().map(|path| FileStamp::of(path).ok());
    let key = json!({
        "hardware": hardware,
        "engines": engines,
        "package": package,
        "texts": texts,
        "pairs": pairs,
        "goal": field.goal,
        "budget": field.budget,
        "contenders": contenders,
    });
    // Numbers with many digits are read as their neighbours, so that what is kept would never be equal to what is not.
    serde_json::from_str(&key.to_string()).unwrap_or(key)
}

fn path(outlook: &Outlook<'_>, key: &Value) -> PathBuf {
    let digest = Sha256::digest(key.to_string());
    let name: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    outlook.look.locations.cache().join(FOLDER).join(format!("{name}.json"))
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
