//! Outputs that survive an interruption.

mod identity;
mod run;
mod sidecar;
#[cfg(test)]
mod tests;

pub use identity::Identity;
pub use run::{Job, JobOptions, Kept, Start};
