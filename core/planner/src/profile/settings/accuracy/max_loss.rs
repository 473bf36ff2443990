//! `accuracy.max_loss`: the share of its quality that the model may lose.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::Setting;

/// The setting `accuracy.max_loss`.
pub(crate) struct MaxLoss;

impl Setting for MaxLoss {
    type Value = f64;
    const KEY: &'static str = "accuracy.max_loss";

    fn parse(value: &Value) -> Result<f64> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let written = |text: &str| match text.trim().strip_suffix('%') {
            Some(percent) => Some(number(percent)? / 100.0),
            None => number(text),
        };
        let share = value.as_f64().or_else(|| value.as_str().and_then(written));
        share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
            Error::invalid(format!("must be a number from 0 to 1, or text such as `0.4%`, not `{value}`"))
        })
    }

    fn show(value: &f64) -> Value {
        Value::from(*value)
    }

    fn schema() -> Value {
        json!({
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "type": "string", "pattern": "^\\s*[0-9.]+\\s*%?\\s*$" },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_shares_or_percents() {
        for (value, expect) in [
            (json!(0), 0.0),
            (json!(0.004), 0.004),
            (json!("0.4%"), 0.004),
            (json!("0.01"), 0.01),
            (json!(" 15 % "), 0.15),
        ] {
            let found = MaxLoss::parse(&value).unwrap();
            assert!((found - expect).abs() < 1e-12, "{value}");
        }
        for wrong in [json!(-0.1), json!(1.5), json!("-1%"), json!("NaN%"), json!("200%"), json!(true)] {
            let message = MaxLoss::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be a number from 0 to 1"), "{wrong}: {message}");
        }
    }
}
