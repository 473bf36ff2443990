//! `precision`: what to compute in.

use drivetrain_contract::{Error, Precision, Result};
use serde_json::{Value, json};

use super::Setting;

/// The setting `precision`.
pub(crate) struct PrecisionSetting;

impl Setting for PrecisionSetting {
    type Value = Option<Precision>;
    const KEY: &'static str = "precision";

    fn parse(value: &Value) -> Result<Option<Precision>> {
        match value {
            Value::String(text) if text == "auto" => Ok(None),
            Value::String(text) => text.parse().map(Some),
            other => Err(Error::invalid(format!("must be text, not `{other}`"))),
        }
    }

    fn show(value: &Option<Precision>) -> Value {
        Value::from(value.map_or("auto", Precision::name))
    }

    fn schema() -> Value {
        let words: Vec<&str> = std::iter::once("auto").chain(Precision::ALL.map(Precision::name)).collect();
        json!({ "type": "string", "enum": words })
    }
}
