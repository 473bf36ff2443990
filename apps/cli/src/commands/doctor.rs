//! `drivetrain doctor`: which engines work here, what is in their way, and how to mend it.
//!
//! Engines are opened in processes of their own, since a native library that does not suit may crash or hang whoever
//! loads it.

mod examine;
mod probe;
mod report;
mod text;
mod trial;

pub(super) use self::{
    probe::{Message, words},
    trial::{Bench, Listener, Trial},
};
use crate::{args::DoctorArgs, exit::printable, output::print};

/// Whether something can embed. Nothing that is wrong with an engine is an error of this command.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<bool> {
    if !args.probe.is_empty() {
        return probe::run(&args.probe, &args.source).map(|()| true);
    }
    let report = examine::examine(args)?;
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?,
        false => print(&printable(&text::text(&report)))?,
    }
    Ok(report.can_embed)
}
