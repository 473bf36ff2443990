//! Trials of candidates, each in a process of its own: one that crashes, hangs or takes too much memory is out, and
//! nothing else happens.

mod child;
mod message;
mod stand;
mod tuner;
mod worker;

pub(super) use self::tuner::{Policy, Tuner};
use crate::args::TrialArgs;

/// The process in which one candidate is run: how the command calls itself.
pub(crate) fn run(args: &TrialArgs) -> anyhow::Result<()> {
    worker::run(&args.source)
}
