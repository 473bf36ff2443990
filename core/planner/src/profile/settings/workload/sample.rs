//! `workload.sample`: texts like those there will be.

use crate::profile::settings::{Key, TextFile};

/// The setting `workload.sample`.
pub(crate) type Sample = TextFile<OfSample>;

/// [`Sample`]
pub(crate) struct OfSample;

impl Key for OfSample {
    const KEY: &'static str = "workload.sample";
}
