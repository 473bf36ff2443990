//! `pipeline.tokenizer_threads`: threads that turn texts into tokens.

use crate::profile::settings::AmountSetting;

/// The setting `pipeline.tokenizer_threads`.
pub(crate) struct TokenizerThreads;

impl AmountSetting for TokenizerThreads {
    const KEY: &'static str = "pipeline.tokenizer_threads";
    /// As for `threads`: no machine has more.
    const MOST: usize = 4096;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<TokenizerThreads>(TokenizerThreads::MOST);
    }
}
