//! No built-in model in this build.

use drivetrain_contract::{Error, Result};
use drivetrain_package::Package;

/// Says what is missing.
pub(crate) fn package() -> Result<Package> {
    Err(Error::not_found("this build has no built-in model")
        .with_hint("name a model with `-m`, or build with the feature `builtin-model`"))
}
