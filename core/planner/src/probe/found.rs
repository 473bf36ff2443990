//! A fact and where it is from.

use serde::{Deserialize, Serialize};

/// Something that was found out, and where: the file that says so, or who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found<T> {
    /// What it is.
    pub value: T,
    /// The file or the interface that says so: `/proc/cpuinfo`, `NVML`.
    pub source: String,
}

impl<T> Found<T> {
    /// `value` from `source`.
    pub fn new(value: T, source: impl Into<String>) -> Self {
        Self { value, source: source.into() }
    }
}

/// The value, where it is known.
pub(super) fn value<T: Copy>(found: &Option<Found<T>>) -> Option<T> {
    found.as_ref().map(|found| found.value)
}
