//! The slot where a program registers the backends that are linked into it.

use crate::DtEntryV1;

/// A backend that is part of the program, submitted with `inventory::submit!`.
///
/// It goes through the same table as one loaded from a file, so both behave alike.
#[derive(Clone, Copy, Debug)]
pub struct LinkedPlugin {
    /// The text of its plugin.toml.
    pub manifest: &'static str,
    /// Its entry.
    pub entry: DtEntryV1,
}

inventory::collect!(LinkedPlugin);

/// Every backend linked into this program, in no particular order.
pub fn linked_plugins() -> impl Iterator<Item = &'static LinkedPlugin> {
    inventory::iter::<LinkedPlugin>.into_iter()
}
