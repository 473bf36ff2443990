//! Processors that nothing can be asked of.

/// Nobody was asked.
pub(super) const SOURCE: &str = "";

/// Nothing.
pub(super) fn ask() -> Vec<(&'static str, bool)> {
    Vec::new()
}
