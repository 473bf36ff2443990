//! `plan.artifacts`: whether files of the model that are not there may be made.

use drivetrain_contract::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::profile::settings::{Setting, word::Word};

/// Whether files of the model that are not there may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Artifacts {
    /// They are made.
    Build,
    /// Only what is there is used.
    UseExisting,
}

impl Word for Artifacts {
    const ALL: &'static [Self] = &[Artifacts::Build, Artifacts::UseExisting];

    fn name(self) -> &'static str {
        match self {
            Artifacts::Build => "build",
            Artifacts::UseExisting => "use-existing",
        }
    }
}

/// The setting `plan.artifacts`.
pub(crate) struct ArtifactsSetting;

impl Setting for ArtifactsSetting {
    type Value = Artifacts;
    const KEY: &'static str = "plan.artifacts";

    fn parse(value: &Value) -> Result<Artifacts> {
        Word::parse(value)
    }

    fn show(value: &Artifacts) -> Value {
        Value::from(value.name())
    }

    fn schema() -> Value {
        <Artifacts as Word>::schema()
    }
}
