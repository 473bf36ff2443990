//! The plan: which way to run a model, out of all there are, and why not the others.
//!
//! [`plan`] is a pure function of what is known: the [`Hardware`](crate::probe::Hardware), what each engine says of itself, the
//! model's files, and the profile. It goes in four steps.
//!
//! 1. Every engine × device × precision × file of the model is a [`Candidate`].
//! 2. One that cannot or may not be had is set aside, with its [`Reason`].
//! 3. The others are put in order: as the rules say, and where they say nothing, by what is known of all engines.
//! 4. The first one is chosen, with as many sessions and tokens in a batch as memory allows; or, where some were
//!    [tried](crate::tune), the one that did best.

mod budget;
mod candidate;
mod decide;
mod engine;
mod explain;
mod files;
mod memory;
mod order;
mod reason;
mod refuse;
mod room;
mod shape;
mod sift;
#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use candidate::{Candidate, Shape};
pub use decide::{Plan, Rejected, Situation, plan};
pub use engine::{Absence, Engine, Release};
pub use files::{ModelFacts, ModelFile, Size};
pub use memory::Memory;
pub use reason::Reason;
pub use room::Room;
pub(crate) use sift::Sifted;
