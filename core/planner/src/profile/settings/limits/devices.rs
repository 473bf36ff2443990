//! `limits.allow_devices` and `limits.deny_devices`: where the model may run.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Setting, list};

/// The setting `limits.allow_devices`.
pub(crate) struct AllowDevices;

impl Setting for AllowDevices {
    type Value = Vec<String>;
    const KEY: &'static str = "limits.allow_devices";

    fn parse(value: &Value) -> Result<Vec<String>> {
        list::parse(value)
    }

    fn show(value: &Vec<String>) -> Value {
        Value::from(value.clone())
    }

    fn schema() -> Value {
        list::schema()
    }
}

/// The setting `limits.deny_devices`.
pub(crate) struct DenyDevices;

impl Setting for DenyDevices {
    type Value = Vec<String>;
    const KEY: &'static str = "limits.deny_devices";

    fn parse(value: &Value) -> Result<Vec<String>> {
        list::parse(value)
    }

    fn show(value: &Vec<String>) -> Value {
        Value::from(value.clone())
    }

    fn schema() -> Value {
        list::schema()
    }
}
