//! `pipeline.sessions`: how many batches run at the same time.

use crate::profile::settings::AmountSetting;

/// The setting `pipeline.sessions`.
pub(crate) struct Sessions;

impl AmountSetting for Sessions {
    const KEY: &'static str = "pipeline.sessions";
    /// Each session holds the model; more than this is a slip of the keyboard.
    const MOST: usize = 256;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<Sessions>(Sessions::MOST);
    }
}
