//! Where vectors go: a preview for people, JSON lines, files of every format.

mod file;
mod identity;
mod plan;
mod position;
mod preview;
mod vectors;

use std::io::{self, Write};

use crate::exit::{Blame, CommandError};

pub(crate) use identity::identity;
pub(crate) use plan::Plan;
pub(crate) use vectors::Vectors;

/// Writes what a command has to say to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    printed.map_err(|err| unwritable("standard output", err).into())
}

/// Results of commands that write files go to standard error, so that standard output stays free for data.
pub(crate) fn say(quiet: bool, text: &str) {
    if !quiet {
        // With standard error gone there is nowhere left to complain.
        let _ = writeln!(io::stderr(), "{text}");
    }
}

fn unwritable(label: &str, err: io::Error) -> CommandError {
    CommandError::new(Blame::Output, format!("cannot write {label}")).with_source(err)
}
