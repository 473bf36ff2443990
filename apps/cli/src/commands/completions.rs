//! `drivetrain completions`: a script for a shell.

use clap::CommandFactory;

use crate::{
    args::{Cli, CompletionsArgs},
    output::print,
};

pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "drivetrain", &mut script);
    print(&String::from_utf8(script)?)
}
