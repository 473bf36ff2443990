//! `threads`: the budget all sessions share.

use std::num::NonZeroUsize;

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use super::Setting;

/// More threads than any machine has is a slip of the keyboard.
const MOST: usize = 4096;

/// Threads to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// As many as the process may use.
    Auto,
    /// This many, the calling one included.
    Count(NonZeroUsize),
}

impl Threads {
    /// The number to use when `available` threads may be used.
    pub fn resolve(self, available: NonZeroUsize) -> NonZeroUsize {
        match self {
            Threads::Auto => available,
            Threads::Count(count) => count,
        }
    }
}

/// The setting `threads`.
pub(crate) struct ThreadsSetting;

impl Setting for ThreadsSetting {
    type Value = Threads;
    const KEY: &'static str = "threads";

    fn parse(value: &Value) -> Result<Threads> {
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|&count| count <= MOST);
        match (value, count.and_then(NonZeroUsize::new)) {
            (Value::String(text), _) if text == "auto" => Ok(Threads::Auto),
            (_, Some(count)) => Ok(Threads::Count(count)),
            _ => Err(Error::invalid(format!("must be `auto` or a number from 1 to {MOST}, not `{value}`"))),
        }
    }

    fn show(value: &Threads) -> Value {
        match value {
            Threads::Auto => Value::from("auto"),
            Threads::Count(count) => Value::from(count.get()),
        }
    }
}
