//! `pipeline.window`: how many texts are looked at together.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Amount, Setting};

/// All texts of the window are in memory at the same time.
const MOST: usize = 1_000_000;

/// The setting `pipeline.window`.
pub(crate) struct Window;

impl Setting for Window {
    type Value = Amount;
    const KEY: &'static str = "pipeline.window";

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
        check_amount::<Window>(MOST);
    }
}
