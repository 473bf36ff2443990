//! Wording shared by this backend's errors.

use drivetrain_contract::{Error, Precision};

/// The file `label` is broken in the way `what` says.
pub(crate) fn broken(label: &str, what: impl std::fmt::Display) -> Error {
    Error::model(format!("`{label}` {what}"))
}

/// There are tables, but none for this precision.
pub(crate) fn no_such_precision(precision: Precision, stored: &[&str]) -> Error {
    Error::unsupported(format!("no static table is stored in {precision}, only in {}", stored.join(", ")))
        .with_hint("ask for f32, in which every table is summed, or convert the table")
}
