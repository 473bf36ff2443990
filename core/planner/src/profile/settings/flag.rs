//! Yes or no: what `allow_emulated` and `plan.frozen` hold.

use std::marker::PhantomData;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::{Key, Setting};

/// A setting that is true or false, of the key `K`.
pub(crate) struct Flag<K>(PhantomData<K>);

impl<K: Key> Setting for Flag<K> {
    type Value = bool;
    const KEY: &'static str = K::KEY;

    fn parse(value: &Value) -> Result<bool> {
        value.as_bool().ok_or_else(|| Error::invalid(format!("must be `true` or `false`, not `{value}`")))
    }

    fn show(value: &bool) -> Value {
        Value::from(*value)
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}
