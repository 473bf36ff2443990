//! `pipeline.max_batch`: how many texts one batch holds.

use crate::profile::settings::AmountSetting;

/// The setting `pipeline.max_batch`.
pub(crate) struct MaxBatch;

impl AmountSetting for MaxBatch {
    const KEY: &'static str = "pipeline.max_batch";
    /// Beyond this, batches of even the shortest texts gain nothing.
    const MOST: usize = 65_536;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<MaxBatch>(MaxBatch::MOST);
    }
}
