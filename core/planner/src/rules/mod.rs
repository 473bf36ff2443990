//! Rules: published advice on which engine to take, as data.
//!
//! A rule set is a TOML file of questions about a few [`Facts`], answers that list [`Choice`]s in order, and the choices
//! themselves. [`RuleSet::walk`] follows the questions from a task to an answer, and from there to what comes next
//! where nothing of that answer can be had. Nothing here knows an engine by name or looks at a machine.
//!
//! # Invariants
//!
//! - A rule set that exists is sound: each name leads somewhere, nothing leads back to itself, everything is used. So a
//!   walk ends, and cannot fail.
//! - A fact that is not known counts as a no, and the walk says so.

mod choice;
mod condition;
mod describe;
mod device;
mod fact;
mod facts;
mod file;
mod nearest;
mod parse;
mod reader;
mod rule_set;
mod shipped;
mod soundness;
#[cfg(test)]
mod tests;
mod walk;

pub use choice::{Choice, InputKind};
pub(crate) use device::name as device_word;
pub use fact::Fact;
pub(crate) use fact::ISA;
pub use facts::Facts;
pub use rule_set::RuleSet;
pub use walk::{Asked, Reached, Walk};
