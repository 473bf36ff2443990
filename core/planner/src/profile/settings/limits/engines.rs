//! `limits.allow_backends` and `limits.deny_backends`: which engines may run the model.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Setting, list};

/// The setting `limits.allow_backends`.
pub(crate) struct AllowBackends;

impl Setting for AllowBackends {
    type Value = Vec<String>;
    const KEY: &'static str = "limits.allow_backends";

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

/// The setting `limits.deny_backends`.
pub(crate) struct DenyBackends;

impl Setting for DenyBackends {
    type Value = Vec<String>;
    const KEY: &'static str = "limits.deny_backends";

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
