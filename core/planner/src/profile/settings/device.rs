//! `device`: which of the backend's devices to run on.

use drivetrain_contract::Result;
use serde_json::Value;

use super::{Choice, Setting};

/// The setting `device`.
pub(crate) struct Device;

impl Setting for Device {
    type Value = Choice;
    const KEY: &'static str = "device";

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
