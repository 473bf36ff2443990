//! A plan as a file that a repository keeps: reviewed, compared, and gone by without planning again.
//!
//! A [`Lock`] says how a model is run, and what that depends on: the model's files by their hashes, the engine and its
//! version, the machine. [`Lock::differences`] compares it with what is there now, each difference with its name. One
//! that [must not be](Difference::may_differ) is enough for a run that is frozen to be refused.
//!
//! | what | must be the same |
//! |---|---|
//! | the plan | yes, but for the memory it is expected to take |
//! | the model's files | yes: length and contents of all that vectors depend on. The model's name may differ |
//! | the engine | yes: version of the plugin, version of the engine, settings |
//! | the processor | yes: vendor, model, instruction sets that can be used, processors and cores that may be used |
//! | the card | yes, name and driver, where the plan is on one; other cards are not looked at |
//! | memory | it may differ, as long as it is enough for the plan. How much is free is not looked at |
//! | figures that were measured | no |
//!
//! [`PlanFile`] reads either a lock or what `drivetrain plan --json` printed, to compare two of them.

mod checked;
mod compare;
mod contents;
mod difference;
mod file_hash;
mod file_hashes;
mod files;
mod measured;
mod plan_file;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use contents::{Lock, LockedEngine, LockedGpu, LockedMachine, LockedModel, LockedPlan};
pub use difference::Difference;
pub use file_hash::{FileHash, LockedFile};
pub use file_hashes::FileHashes;
pub use files::ModelSource;
pub use plan_file::{PlanFile, PlanRecord};
