//! `plan.rules`: the rules that say in which order to try what can be had.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::{Setting, beside};

/// The setting `plan.rules`.
pub(crate) struct RulesSetting;

impl Setting for RulesSetting {
    type Value = String;
    const KEY: &'static str = "plan.rules";

    fn parse(value: &Value) -> Result<String> {
        match value.as_str().filter(|name| !name.trim().is_empty()) {
            Some(name) => Ok(name.to_owned()),
            None => Err(Error::invalid(format!("must be the name of rules or the path of a file, not `{value}`"))),
        }
    }

    fn show(value: &String) -> Value {
        Value::from(value.clone())
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn beside(folder: &Path, value: &mut Value) -> Result<()> {
        beside(folder, value)
    }
}
