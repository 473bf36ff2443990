//! `threads`: the budget all sessions share.

use drivetrain_contract::Result;
use serde_json::Value;

use super::{Amount, Setting};

/// More threads than any machine has is a slip of the keyboard.
const MOST: usize = 4096;

/// The setting `threads`.
pub(crate) struct Threads;

impl Setting for Threads {
    type Value = Amount;
    const KEY: &'static str = "threads";

    fn parse(value: &Value) -> Result<Amount> {
        Amount::parse(value, MOST)
    }

    fn show(value: &Amount) -> Value {
        value.show()
    }

    fn schema() -> Value {
        Amount::schema(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<Threads>(MOST);
    }
}
