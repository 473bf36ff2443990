//! `plugins`: folders that hold plugins, searched before all others.

use std::path::PathBuf;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::Setting;

/// The setting `plugins`.
pub(crate) struct Plugins;

impl Setting for Plugins {
    type Value = Vec<PathBuf>;
    const KEY: &'static str = "plugins";

    fn parse(value: &Value) -> Result<Vec<PathBuf>> {
        let Value::Array(items) = value else {
            return Err(Error::invalid(format!("must be a list of folders, not `{value}`")));
        };
        items
            .iter()
            .map(|item| match item {
                Value::String(path) if PathBuf::from(path).is_absolute() => Ok(PathBuf::from(path)),
                other => Err(Error::invalid(format!("must hold absolute paths, not `{other}`"))),
            })
            .collect()
    }

    fn show(value: &Vec<PathBuf>) -> Value {
        value.iter().map(|path| Value::from(path.to_string_lossy())).collect()
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": { "type": "string" } })
    }
}
