//! The command `drivetrain`: reads arguments, runs one command, turns its outcome into an exit code.

mod args;
mod commands;
mod environment;
mod exit;
mod help;
mod input;
mod interrupt;
mod logging;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

fn main() -> ExitCode {
    // Before anything else: no thread may exist yet.
    environment::prepare();
    let cli = Cli::parse();
    logging::install(cli.verbose, cli.quiet);
    interrupt::install();
    let outcome = match &cli.command {
        Command::Embed(args) => commands::embed::run(args, cli.quiet),
        Command::Compare(args) => commands::compare::run(args),
        Command::Convert(args) => commands::convert::run(args, cli.quiet),
        Command::Plugins(args) => commands::plugins::run(args),
        Command::Models(args) => commands::models::run(args, cli.quiet),
        Command::Runtimes(args) => commands::runtimes::run(args, cli.quiet),
        Command::Config(args) => commands::config::run(args),
        Command::Rules(args) => commands::rules::run(args),
        Command::Doctor(args) => match commands::doctor::run(args) {
            Ok(false) => return ExitCode::from(exit::ENGINE),
            outcome => outcome.map(drop),
        },
        Command::Probe(args) => commands::probe::run(args),
        Command::Plan(args) if !args.diff.is_empty() => match commands::plan::compare(args) {
            Ok(false) => return ExitCode::from(exit::DIFFERENT),
            outcome => outcome.map(drop),
        },
        Command::Plan(args) => commands::plan::run(args, cli.quiet),
        Command::Completions(args) => commands::completions::run(args),
        Command::Trial(args) => commands::trial::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => exit::report(&err),
    }
}
