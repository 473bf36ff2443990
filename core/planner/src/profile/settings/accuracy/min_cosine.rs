//! `accuracy.min_cosine`: how near each vector must be to the one in f32.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use crate::profile::settings::{Setting, share};

/// The setting `accuracy.min_cosine`.
pub(crate) struct MinCosine;

impl Setting for MinCosine {
    type Value = Option<f64>;
    const KEY: &'static str = "accuracy.min_cosine";

    fn parse(value: &Value) -> Result<Option<f64>> {
        match share::parse(value) {
            None if value.as_str() == Some("auto") => Ok(None),
            None => Err(Error::invalid(format!("must be `auto` or a number from 0 to 1, not `{value}`"))),
            cosine => Ok(cosine),
        }
    }

    fn show(value: &Option<f64>) -> Value {
        value.map_or_else(|| Value::from("auto"), Value::from)
    }

    fn schema() -> Value {
        let [number, text] = share::schemas();
        json!({ "anyOf": [{ "const": "auto" }, number, text] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_shares_or_left_open() {
        for (value, expect) in [(json!("auto"), None), (json!(0.999), Some(0.999)), (json!("1"), Some(1.0))] {
            let found = MinCosine::parse(&value).unwrap();
            assert_eq!(found, expect, "{value}");
            assert_eq!(MinCosine::parse(&MinCosine::show(&found)).unwrap(), found);
        }
        for wrong in [json!(1.1), json!(-1), json!("none"), json!(false)] {
            let message = MinCosine::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be `auto` or a number from 0 to 1"), "{wrong}: {message}");
        }
    }
}
