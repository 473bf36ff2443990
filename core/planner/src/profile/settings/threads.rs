//! `threads`: the budget all sessions share.

use crate::profile::settings::AmountSetting;

/// The setting `threads`.
pub(crate) struct Threads;

impl AmountSetting for Threads {
    const KEY: &'static str = "threads";
    /// More threads than any machine has is a slip of the keyboard.
    const MOST: usize = 4096;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<Threads>(Threads::MOST);
    }
}
