//! `workload.concurrency`: how many callers there are at the same time.

use crate::profile::settings::AmountSetting;

/// The setting `workload.concurrency`.
pub(crate) struct Concurrency;

impl AmountSetting for Concurrency {
    const KEY: &'static str = "workload.concurrency";
    /// As many connections as a server has ports.
    const MOST: usize = 65_536;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<Concurrency>(Concurrency::MOST);
    }
}
