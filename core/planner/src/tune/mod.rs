//! Finding out by trial: the few likeliest ways to run a model, run beside each other on texts like the user's.
//!
//! [`field`] says which ones are worth a trial, [`race`] runs them, and [`plan`](fn@crate::plan::plan) decides with
//! the [`Trial`]s it is given. Nothing here runs a model: a [`Stand`] does, which opens each contender where it can do
//! no harm, so that a race can be run without any engine.
//!
//! The race is a successive halving. Those that may win are loaded and run a short lap. Then, the fastest first, their vectors are
//! compared with the reference's: whoever differs by more than may be is out, and so is, unseen, whoever needs twice the
//! time of one that does not. The others take turns on the same texts, some laps to a stage: whoever is slower than the
//! first beyond what laps differ by, and by more than laps of few batches may mislead, drops out. The winner is tried with
//! other batches and other numbers of sessions. The time given is kept: what is not run in it is left without figures.

mod contender;
mod judge;
mod race;
mod shapes;
mod stand;
#[cfg(test)]
mod tests;
mod trial;

pub(crate) use contender::predicted_speed;
pub use contender::{Contender, Field, field};
pub use race::{Limits, Race, race};
pub use stand::{Lap, Sampled, Seat, Stand, Step};
pub use trial::{Figures, Outcome, Speed, Trial};
