//! `pipeline.tokenizer_threads`: threads that turn texts into tokens.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Amount, Setting};

/// As for `threads`: no machine has more.
const MOST: usize = 4096;

/// The setting `pipeline.tokenizer_threads`.
pub(crate) struct TokenizerThreads;

impl Setting for TokenizerThreads {
    type Value = Amount;
    const KEY: &'static str = "pipeline.tokenizer_threads";

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
        check_amount::<TokenizerThreads>(MOST);
    }
}
