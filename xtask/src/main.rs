//! The project's own commands: `cargo xtask setup | test | plugin | fuzz | dist | tidy | builtin-model`.

#![expect(clippy::print_stderr, reason = "this program talks to the developer who runs it")]

mod builtin_model;
mod cargo;
mod dist;
mod fetch;
mod folders;
mod fuzz;
mod plugin;
mod setup;
mod test;
mod tidy;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put native libraries, the model all-MiniLM-L6-v2 and the plugins into the data folder
    Setup {
        /// Data folder; default: DRIVETRAIN_HOME, else the platform's
        #[arg(long)]
        home: Option<PathBuf>,
        /// Build the plugins optimised
        #[arg(long)]
        release: bool,
    },
    /// Set up a data folder below target/ and run every test with it
    Test {
        /// Passed on to `cargo test`
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Build, lint and test a plugin that has a workspace of its own, with a data folder below target/
    Plugin {
        /// Which
        plugin: plugin::Plugin,
        /// Put the library and the plugin, built optimised, into this data folder instead, and test nothing
        #[arg(long)]
        home: Option<PathBuf>,
    },
    /// Read mutations of model files for a time: nothing may panic, hang, or fill the memory
    Fuzz {
        /// Time for each kind of file
        #[arg(long, value_name = "S", default_value_t = 20)]
        seconds: u64,
        /// Only kinds whose names contain one of these
        targets: Vec<String>,
    },
    /// Put the program and its plugins into one folder that runs wherever it is moved to
    Dist {
        /// Folder to make
        #[arg(long, default_value = "dist")]
        output: PathBuf,
        /// Add a plugin that compiles against its native library, which is fetched for that
        #[arg(long, value_name = "PLUGIN")]
        with: Vec<plugin::Plugin>,
    },
    /// Check what no compiler checks: dependencies between crates, folders, file heads
    Tidy,
    /// Make the built-in model again
    BuiltinModel,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Setup { home, release } => setup::run(home, release),
        Command::Test { args } => test::run(&args),
        Command::Plugin { plugin, home: None } => plugin::check(plugin),
        Command::Plugin { plugin, home: Some(home) } => plugin::set_up(plugin, &home, true),
        Command::Fuzz { seconds, targets } => fuzz::run(seconds, &targets),
        Command::Dist { output, with } => dist::run(&output, &with),
        Command::Tidy => tidy::run(),
        Command::BuiltinModel => builtin_model::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("error: {err:#}");
            ExitCode::FAILURE
        }
    }
}
