//! `pipeline.max_batch`: how many texts one batch holds.

use drivetrain_contract::Result;
use serde_json::Value;

use crate::profile::settings::{Amount, Setting};

/// Beyond this, batches of even the shortest texts gain nothing.
const MOST: usize = 65_536;

/// The setting `pipeline.max_batch`.
pub(crate) struct MaxBatch;

impl Setting for MaxBatch {
    type Value = Amount;
    const KEY: &'static str = "pipeline.max_batch";

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
        check_amount::<MaxBatch>(MOST);
    }
}
