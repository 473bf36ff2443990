//! How long texts are.

use std::path::PathBuf;

use drivetrain_planner::{Profile, probe::FileStamp};
use serde_json::{Value, json};

/// How long texts are, as far as a profile says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lengths {
    /// As in this file, in which they are.
    Sample(PathBuf),
    /// About so many characters each.
    About(u32),
    /// From 40 to 1,200 characters: sentences and paragraphs.
    Unknown,
}

impl Lengths {
    /// What a profile says of its texts.
    pub fn of(profile: &Profile) -> Self {
        match (&profile.workload.sample.value, profile.workload.text_length.value) {
            (Some(path), _) => Self::Sample(path.clone()),
            (None, Some(length)) => Self::About(length.chars()),
            (None, None) => Self::Unknown,
        }
    }

    /// What tells texts of one kind from those of another: lengths by their powers of two, files by what tells that they
    /// have changed.
    pub(crate) fn key(&self) -> Value {
        match self {
            Self::Sample(path) => json!({ "sample": FileStamp::of(path).ok() }),
            Self::About(chars) => json!({ "chars": chars.max(&1).ilog2() }),
            Self::Unknown => json!("unknown"),
        }
    }
}
