//! `cargo xtask fuzz`: the readers of model files under mutations, for as long as they are told.

use anyhow::Result;

use crate::cargo;

/// Runs every target, or those whose names contain one of `targets`, for so many seconds each.
///
/// An input that fails is kept in `tests/fuzz/regressions`, and is run first from then on, by `cargo test` too.
pub(crate) fn run(seconds: u64, targets: &[String]) -> Result<()> {
    let mut test =
        cargo::command(["test", "--package", "drivetrain-tests", "--test", "fuzz", "--", "--test-threads=1"]);
    test.args(targets).env("DRIVETRAIN_TEST_FUZZ_SECONDS", seconds.to_string());
    cargo::run(&mut test)
}
