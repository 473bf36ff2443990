//! Artifacts one can rely on: made once, checked, published whole, with a record of how.
//!
//! [`Maker::make`] does everything a conversion needs around [`crate::convert`]: it leaves alone what is up to date,
//! looks for room, calibrates, converts in a folder beside the target, checks the result ([`crate::check`]), gives it
//! its name, or one that nothing loads, and writes what is known of it into `drivetrain.json`
//! ([`drivetrain_package::ArtifactRecords`]).
//!
//! # Invariants
//!
//! - A target is replaced by a whole artifact that was checked, or not at all.
//! - One process at a time makes artifacts in a folder. What one that was killed left behind is removed by the next.
//! - Nothing is written but in the target's folder and the scratch folder.

mod maker;
mod order;
mod place;
mod source;
mod space;
#[cfg(test)]
mod tests;

pub use maker::{Made, Maker};
pub use order::Order;
pub use space::DiskSpace;
