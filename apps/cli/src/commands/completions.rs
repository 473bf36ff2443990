//! `drivetrain completions`: a script for a shell.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drivetrain", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
