//! What is asked for, and whether it is there already.

use std::{collections::BTreeMap, path::PathBuf};

use drivetrain_package::{ArtifactCheck, ArtifactRecord, Bounds};

use crate::Target;

/// An artifact that is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// What it is.
    pub target: Target,
    /// Where it goes.
    pub path: PathBuf,
    /// Make it again even if it is up to date.
    pub force: bool,
    /// Take it even if it is not as exact as its kind should be.
    pub accept: bool,
    /// Leave it unchecked, where no engine is at hand or there is no memory for one.
    pub skip_check: bool,
}

impl Order {
    /// An order without exceptions.
    pub fn new(target: Target, path: impl Into<PathBuf>) -> Self {
        Self { target, path: path.into(), force: false, accept: false, skip_check: false }
    }
}

/// Everything that an artifact's bytes depend on, but for the engine's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ingredients {
    pub(super) target: String,
    pub(super) tool: String,
    pub(super) source_sha256: String,
    pub(super) options: BTreeMap<String, String>,
    pub(super) calibration_sha256: Option<String>,
}

impl Ingredients {
    pub(super) fn of(record: &ArtifactRecord) -> Self {
        Self {
            target: record.target.clone(),
            tool: record.tool.clone(),
            source_sha256: record.source_sha256.clone(),
            options: record.options.clone(),
            calibration_sha256: record.calibration_sha256.clone(),
        }
    }

    /// The record of an artifact that is not checked yet.
    pub(super) fn into_record(self, bounds: Bounds) -> ArtifactRecord {
        let Self { target, tool, source_sha256, options, calibration_sha256 } = self;
        ArtifactRecord {
            target,
            tool,
            source_sha256,
            options,
            calibration_sha256,
            facts: BTreeMap::new(),
            files: Vec::new(),
            seconds: 0.0,
            bounds,
            check: ArtifactCheck::Unchecked { reason: "nobody asked for it".to_owned() },
        }
    }
}
