//! `model`: which model to run.

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use super::Setting;

/// The setting `model`.
pub(crate) struct Model;

impl Setting for Model {
    type Value = String;
    const KEY: &'static str = "model";

    fn parse(value: &Value) -> Result<String> {
        match value {
            Value::String(text) if !text.trim().is_empty() => Ok(text.clone()),
            Value::String(_) => Err(Error::invalid("must not be empty")),
            other => Err(Error::invalid(format!("must be text, not `{other}`"))),
        }
    }

    fn show(value: &String) -> Value {
        Value::String(value.clone())
    }
}
