//! Runs contestants in turn and compares them.
//!
//! Each contestant is a process of its own: libraries that want different versions of one dependency can be compared, and
//! each has a peak memory of its own. Only one works at a time, and they take turns round by round, so that whatever
//! else the machine does hits all of them. What counts is therefore the ratio within a round.

mod accuracy;
mod agreement;
mod arguments;
mod child;
mod engines;
mod entries;
mod growth;
mod lengths;
mod machine;
mod memory;
mod peers;
mod programs;
mod race;
mod random;
mod regret;
mod report;
mod settings;
mod spread;
mod together;

use clap::Parser;

use crate::arguments::{Arguments, Task};

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.task {
        Task::Peers(arguments) => peers::run(arguments),
        Task::Settings(arguments) => settings::run(arguments),
        Task::Engines(arguments) => engines::run(arguments),
        Task::Together(arguments) => together::run(arguments),
        Task::Growth(arguments) => growth::run(arguments),
        Task::Accuracy(arguments) => accuracy::run(arguments),
        Task::Regret(arguments) => regret::run(arguments),
    }
}
