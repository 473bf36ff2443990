//! `plan.tune`: whether candidates are measured.

use drivetrain_contract::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::profile::settings::{Setting, word::Word};

/// Whether candidates are measured, or what the rules say is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tune {
    /// Where it takes no longer than `tune_seconds`; figures that are known already are used in any case.
    Auto,
    /// Before the first use, however long it takes.
    Always,
    /// What the rules say is taken.
    Never,
}

impl Word for Tune {
    const ALL: &'static [Self] = &[Tune::Auto, Tune::Always, Tune::Never];

    fn name(self) -> &'static str {
        match self {
            Tune::Auto => "auto",
            Tune::Always => "always",
            Tune::Never => "never",
        }
    }
}

/// The setting `plan.tune`.
pub(crate) struct TuneSetting;

impl Setting for TuneSetting {
    type Value = Tune;
    const KEY: &'static str = "plan.tune";

    fn parse(value: &Value) -> Result<Tune> {
        Word::parse(value)
    }

    fn show(value: &Tune) -> Value {
        Value::from(value.name())
    }

    fn schema() -> Value {
        <Tune as Word>::schema()
    }
}
