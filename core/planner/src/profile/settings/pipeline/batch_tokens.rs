//! `pipeline.batch_tokens`: how much one batch holds.

use crate::profile::settings::AmountSetting;

/// The setting `pipeline.batch_tokens`.
pub(crate) struct BatchTokens;

impl AmountSetting for BatchTokens {
    const KEY: &'static str = "pipeline.batch_tokens";
    /// A larger batch is a slip of the keyboard: its vectors of tokens alone would take gigabytes.
    const MOST: usize = 1_000_000;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<BatchTokens>(BatchTokens::MOST);
    }
}
