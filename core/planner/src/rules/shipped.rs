//! The rules that are part of the program.

use drivetrain_contract::{Error, Result};

use super::nearest;

/// Names and texts, by name.
pub(super) const SHIPPED: [(&str, &str); 2] = [
    ("sentence-transformers-v5", include_str!("../../../../configs/rules/sentence-transformers-v5.toml")),
    ("sentence-transformers-v6", include_str!("../../../../configs/rules/sentence-transformers-v6.toml")),
];

/// Name and text of the rules of this name.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] with the nearest name, or all of them.
pub(super) fn find(name: &str) -> Result<(&'static str, &'static str)> {
    SHIPPED.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
        let hint = nearest::hint(name, SHIPPED.iter().map(|(known, _)| *known));
        Error::not_found(format!("no rules `{name}` are part of the program"))
            .with_hint(format!("{hint}; the path of a file contains `/` or ends in `.toml`"))
    })
}
