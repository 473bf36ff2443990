//! `workload.goal`: what matters most.

use drivetrain_contract::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::profile::settings::{Setting, word::Word};

/// What matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Few texts at a time, soon.
    Latency,
    /// Many texts.
    Throughput,
    /// As little memory as will do.
    Memory,
}

impl Goal {
    /// The word in profiles and rules.
    pub fn name(self) -> &'static str {
        Word::name(self)
    }
}

impl Word for Goal {
    const ALL: &'static [Self] = &[Goal::Latency, Goal::Throughput, Goal::Memory];

    fn name(self) -> &'static str {
        match self {
            Goal::Latency => "latency",
            Goal::Throughput => "throughput",
            Goal::Memory => "memory",
        }
    }
}

/// The setting `workload.goal`.
pub(crate) struct GoalSetting;

impl Setting for GoalSetting {
    type Value = Option<Goal>;
    const KEY: &'static str = "workload.goal";

    fn parse(value: &Value) -> Result<Option<Goal>> {
        Goal::parse_or_auto(value)
    }

    fn show(value: &Option<Goal>) -> Value {
        Goal::show_or_auto(*value)
    }

    fn schema() -> Value {
        Goal::schema_with_auto()
    }
}
