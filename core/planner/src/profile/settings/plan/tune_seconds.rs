//! `plan.tune_seconds`: how long measuring may take.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::Setting;

/// The setting `plan.tune_seconds`.
pub(crate) struct TuneSeconds;

/// A day: whoever writes more has mistaken the unit.
const MOST: f64 = 86_400.0;

impl Setting for TuneSeconds {
    type Value = f64;
    const KEY: &'static str = "plan.tune_seconds";

    fn parse(value: &Value) -> Result<f64> {
        value.as_f64().filter(|&seconds| seconds > 0.0 && seconds <= MOST).ok_or_else(|| {
            Error::invalid(format!("must be a number of seconds above 0, {MOST} at most, not `{value}`"))
        })
    }

    fn show(value: &f64) -> Value {
        Value::from(*value)
    }

    fn schema() -> Value {
        json!({ "type": "number", "exclusiveMinimum": 0, "maximum": MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_positive_and_within_a_day() {
        for (value, expect) in [(json!(20), 20.0), (json!(0.5), 0.5), (json!(86_400), 86_400.0)] {
            let seconds = TuneSeconds::parse(&value).unwrap();
            assert!((seconds - expect).abs() < f64::EPSILON, "{value}");
        }
        for wrong in [json!(0), json!(-1), json!(86_401), json!("20s"), json!(f64::MAX), json!(true)] {
            let message = TuneSeconds::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be a number of seconds above 0, 86400 at most"), "{message}");
        }
    }
}
