//! `accuracy.pairs`: scored pairs of texts that quality is measured on.

use crate::profile::settings::{Key, TextFile};

/// The setting `accuracy.pairs`.
pub(crate) type Pairs = TextFile<OfPairs>;

/// [`Pairs`]
pub(crate) struct OfPairs;

impl Key for OfPairs {
    const KEY: &'static str = "accuracy.pairs";
}
