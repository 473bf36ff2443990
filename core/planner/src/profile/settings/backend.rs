//! `backend`: the engine that runs the model.

use drivetrain_contract::Result;
use serde_json::Value;

use super::{Choice, Setting};

/// The setting `backend`.
pub(crate) struct Backend;

impl Setting for Backend {
    type Value = Choice;
    const KEY: &'static str = "backend";

    fn parse(value: &Value) -> Result<Choice> {
        Choice::parse(value)
    }

    fn show(value: &Choice) -> Value {
        value.show()
    }

    fn schema() -> Value {
        Choice::schema()
    }
}
