//! `pipeline.sessions`: how many batches run at the same time.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Amount, Setting};

/// Each session holds the model; more than this is a slip of the keyboard.
const MOST: usize = 256;

/// The setting `pipeline.sessions`.
pub(crate) struct Sessions;

impl Setting for Sessions {
    type Value = Amount;
    const KEY: &'static str = "pipeline.sessions";

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
        check_amount::<Sessions>(MOST);
    }
}
