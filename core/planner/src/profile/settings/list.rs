//! Names: what the lists of `[limits]` hold.

use std::marker::PhantomData;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::{Key, Setting};

/// A setting that holds names, of the key `K`.
pub(crate) struct List<K>(PhantomData<K>);

impl<K: Key> Setting for List<K> {
    type Value = Vec<String>;
    const KEY: &'static str = K::KEY;

    /// Names as they are written, none of them empty.
    fn parse(value: &Value) -> Result<Vec<String>> {
        let name = |value: &Value| value.as_str().filter(|name| !name.trim().is_empty()).map(str::to_owned);
        let names = value.as_array().and_then(|values| values.iter().map(name).collect());
        names.ok_or_else(|| Error::invalid(format!("must be a list of names, not `{value}`")))
    }

    fn show(value: &Vec<String>) -> Value {
        Value::from(value.clone())
    }

    fn schema() -> Value {
        json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::DenyDevices;

    #[test]
    fn lists_hold_names() {
        for names in [&[][..], &["a", "b"]] {
            let value = json!(names);
            let found = DenyDevices::parse(&value).unwrap();
            assert_eq!(found, names);
            assert_eq!(DenyDevices::show(&found), value);
        }
        for wrong in [json!("a"), json!([""]), json!(["a", 1]), json!({})] {
            let message = DenyDevices::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be a list of names"), "{wrong}: {message}");
        }
    }
}
