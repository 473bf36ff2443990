//! `accuracy.max_loss`: the share of its quality that the model may lose.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::{Setting, share};

/// The setting `accuracy.max_loss`.
pub(crate) struct MaxLoss;

impl Setting for MaxLoss {
    type Value = f64;
    const KEY: &'static str = "accuracy.max_loss";

    fn parse(value: &Value) -> Result<f64> {
        share::parse(value).ok_or_else(|| {
            Error::invalid(format!("must be a number from 0 to 1, or text such as `0.4%`, not `{value}`"))
        })
    }

    fn show(value: &f64) -> Value {
        Value::from(*value)
    }

    fn schema() -> Value {
        json!({ "anyOf": share::schemas() })
    }
}
