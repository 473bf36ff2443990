//! `pipeline.batch_tokens`: how much one batch holds.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Amount, Setting};

/// A larger batch is a slip of the keyboard: its vectors of tokens alone would take gigabytes.
const MOST: usize = 1_000_000;

/// The setting `pipeline.batch_tokens`.
pub(crate) struct BatchTokens;

impl Setting for BatchTokens {
    type Value = Amount;
    const KEY: &'static str = "pipeline.batch_tokens";

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
        check_amount::<BatchTokens>(MOST);
    }
}
