//! Values of a lock that are believed only within limits, checked while they are read so that an error has its place.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use serde::{Deserialize, Deserializer, de::Error};

use super::LockedFile;

/// The limits of the settings of the same names.
const MOST_SESSIONS: usize = 256;
const MOST_THREADS: usize = 4096;
const MOST_BATCH_TOKENS: usize = 1_000_000;

/// A path that stays inside the folder it is joined to.
#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct InnerPath(String);

impl TryFrom<String> for InnerPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        let mut parts = Path::new(&path).components().peekable();
        let is_inner = parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
        match is_inner && !path.contains('\0') {
            true => Ok(Self(path)),
            false => Err(format!("`{}` is no path inside a model's folder", path.escape_debug())),
        }
    }
}

/// A path inside the model's folder.
pub(super) fn inner_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    InnerPath::deserialize(deserializer).map(|path| path.0)
}

/// Files by such paths.
pub(super) fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, LockedFile>, D::Error> {
    let files = BTreeMap::<InnerPath, LockedFile>::deserialize(deserializer)?;
    Ok(files.into_iter().map(|(path, file)| (path.0, file)).collect())
}

/// A number of sessions.
pub(super) fn sessions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(usize::deserialize(deserializer)?, MOST_SESSIONS)
}

/// A number of threads.
pub(super) fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    within(usize::deserialize(deserializer)?, MOST_THREADS)
}

/// A number of tokens in a batch, if there is one.
pub(super) fn batch_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    within(usize::deserialize(deserializer)?, MOST_BATCH_TOKENS).map(Some)
}

fn within<E: Error>(number: usize, most: usize) -> Result<usize, E> {
    match (1..=most).contains(&number) {
        true => Ok(number),
        false => Err(E::custom(format!("{number} is not within 1 and {most}"))),
    }
}
