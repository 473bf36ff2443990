//! A name, or the program's choice: what `backend` and `device` hold.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

/// A name, or `auto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Left to the program.
    Auto,
    /// This one and no other.
    Named(String),
}

impl Choice {
    /// The name, if one was given.
    pub fn named(&self) -> Option<&str> {
        match self {
            Choice::Auto => None,
            Choice::Named(name) => Some(name),
        }
    }

    pub(crate) fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::String(text) if text == "auto" => Ok(Choice::Auto),
            Value::String(text) if !text.trim().is_empty() => Ok(Choice::Named(text.clone())),
            other => Err(Error::invalid(format!("must be `auto` or a name, not `{other}`"))),
        }
    }

    pub(crate) fn show(&self) -> Value {
        Value::from(self.named().unwrap_or("auto"))
    }

    pub(crate) fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}
