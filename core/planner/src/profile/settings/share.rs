//! A share from 0 to 1: what `accuracy.max_loss` and `accuracy.min_cosine` hold.

use serde_json::{Value, json};

/// The share a number, or a text such as `0.4%`, stands for.
pub(crate) fn parse(value: &Value) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let written = |text: &str| match text.trim().strip_suffix('%') {
        Some(percent) => Some(number(percent)? / 100.0),
        None => number(text),
    };
    let share = value.as_f64().or_else(|| value.as_str().and_then(written));
    share.filter(|share| (0.0..=1.0).contains(share))
}

/// JSON Schemas of the two ways to write one.
pub(crate) fn schemas() -> [Value; 2] {
    [
        json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        json!({ "type": "string", "pattern": "^\\s*[0-9.]+\\s*%?\\s*$" }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_or_percents() {
        for (value, expect) in [
            (json!(0), 0.0),
            (json!(0.004), 0.004),
            (json!("0.4%"), 0.004),
            (json!("0.01"), 0.01),
            (json!(" 15 % "), 0.15),
            (json!(1), 1.0),
        ] {
            let found = parse(&value).unwrap();
            assert!((found - expect).abs() < 1e-12, "{value}");
        }
        for wrong in [json!(-0.1), json!(1.5), json!("-1%"), json!("NaN%"), json!("200%"), json!(true), json!([0])] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
