//! `pipeline.window`: how many texts are looked at together.

use crate::profile::settings::AmountSetting;

/// The setting `pipeline.window`.
pub(crate) struct Window;

impl AmountSetting for Window {
    const KEY: &'static str = "pipeline.window";
    /// All texts of the window are in memory at the same time.
    const MOST: usize = 1_000_000;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::amount::tests::check_amount;

    #[test]
    fn takes_auto_and_its_range() {
        check_amount::<Window>(Window::MOST);
    }
}
