//! `drivetrain convert`: one artifact made from another.

mod graph;
mod report;
mod static_model;
mod told;

use drivetrain::contract::Call;
use indicatif::ProgressBar;

use crate::{
    args::{ConvertArgs, ConvertTarget},
    exit::{Blame, CommandError},
    interrupt,
    output::say,
};

pub(crate) fn run(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    match args.to {
        _ if args.report.report => report::run(args, quiet),
        Some(ConvertTarget::Static) => static_model::run(args, quiet),
        _ => graph::run(args, quiet),
    }
}

fn needs_output(what: &str) -> anyhow::Error {
    CommandError::new(Blame::Usage, format!("where to? name {what} with `-o`")).into()
}

/// Shows progress, and stops when the user asks to.
struct Observed {
    bar: ProgressBar,
}

impl Call for Observed {
    fn is_cancelled(&self) -> bool {
        interrupt::asked()
    }

    fn progress(&self, permille: u32, phase: &str) {
        self.bar.set_message(phase.to_owned());
        self.bar.set_position(permille.into());
    }
}
