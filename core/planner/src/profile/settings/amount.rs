//! A number, or the program's choice: what `threads` and the settings of the pipeline hold.

use std::num::NonZeroUsize;

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

use super::Setting;

/// A number of at least one, or `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Left to the program.
    Auto,
    /// This many.
    Count(NonZeroUsize),
}

/// A setting that holds an [`Amount`].
pub(crate) trait AmountSetting {
    /// As [`Setting::KEY`].
    const KEY: &'static str;
    /// The largest number taken.
    const MOST: usize;
}

impl<S: AmountSetting> Setting for S {
    type Value = Amount;
    const KEY: &'static str = S::KEY;

    fn parse(value: &Value) -> Result<Amount> {
        Amount::parse(value, S::MOST)
    }

    fn show(value: &Amount) -> Value {
        value.show()
    }

    fn schema() -> Value {
        Amount::schema(S::MOST)
    }
}

impl Amount {
    /// The number, if one was given.
    pub fn count(self) -> Option<NonZeroUsize> {
        match self {
            Amount::Auto => None,
            Amount::Count(count) => Some(count),
        }
    }

    /// The number to use when the program chose `auto`.
    pub fn resolve(self, auto: NonZeroUsize) -> NonZeroUsize {
        self.count().unwrap_or(auto)
    }

    pub(crate) fn parse(value: &Value, most: usize) -> Result<Self> {
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|&count| count <= most);
        match (value, count.and_then(NonZeroUsize::new)) {
            (Value::String(text), _) if text == "auto" => Ok(Amount::Auto),
            (_, Some(count)) => Ok(Amount::Count(count)),
            _ => Err(Error::invalid(format!("must be `auto` or a number from 1 to {most}, not `{value}`"))),
        }
    }

    pub(crate) fn show(self) -> Value {
        self.count().map_or_else(|| Value::from("auto"), |count| Value::from(count.get()))
    }

    pub(crate) fn schema(most: usize) -> Value {
        json!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": most }] })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::profile::settings::Setting;

    /// Checks that a setting takes `auto` and 1 to `most`, says so of everything else, and tells editors the same.
    pub(in super::super) fn check_amount<S: Setting<Value = Amount>>(most: usize) {
        assert_eq!(S::parse(&json!("auto")).unwrap(), Amount::Auto);
        for count in [1, most] {
            let amount = S::parse(&json!(count)).unwrap();
            assert_eq!(amount.count().map(NonZeroUsize::get), Some(count));
            assert_eq!(S::show(&amount), json!(count));
        }
        let range = format!("must be `auto` or a number from 1 to {most}");
        for wrong in [json!(0), json!(most + 1), json!(-1), json!(1.5), json!(u64::MAX), json!("many"), json!([1])] {
            let message = S::parse(&wrong).unwrap_err().to_string();
            assert!(message.starts_with(&range), "{wrong} gave {message:?}");
        }
        assert_eq!(S::schema()["anyOf"][1]["maximum"], json!(most));
    }

    #[test]
    fn auto_is_what_the_program_chose() {
        let two = NonZeroUsize::new(2).unwrap();
        assert_eq!(Amount::Auto.resolve(two), two);
        assert_eq!(Amount::Count(NonZeroUsize::MIN).resolve(two), NonZeroUsize::MIN);
    }
}
