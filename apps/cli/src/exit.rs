//! Exit codes, and how an error is told.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use drivetrain::ErrorKind;

use crate::interrupt;

/// What the exit codes mean, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    an error inside the program
  2    usage: a flag, a profile, or a value in it
  3    the model: not found, or its files are broken
  4    the engine: backend, plugin, device or native library
  5    the input: a file or a line in it that cannot be read
  6    the output: a file that cannot be written
  130  interrupted";

/// Where an error of the command itself belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    Usage = 2,
    Input = 5,
    Output = 6,
}

/// An error of the command line tool, with its exit code.
#[derive(Debug)]
pub(crate) struct CommandError {
    blame: Blame,
    message: String,
    hint: Option<String>,
}

impl CommandError {
    pub(crate) fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {}

/// Prints an error with its causes and hint, and gives the exit code for it.
pub(crate) fn report(err: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(err) {
        // Whoever read the output has enough of it.
        return ExitCode::SUCCESS;
    }
    let (code, hint) = judge(err);
    let mut text = format!("error: {}", first_line(err));
    let mut shown = first_line(err);
    for cause in err.chain().skip(1) {
        let line = message_of(cause);
        if !shown.contains(&line) {
            text.push_str(&format!("\n  cause: {line}"));
            shown = line;
        }
    }
    if let Some(hint) = hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    // With standard error gone there is nowhere left to complain.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(code)
}

fn judge(err: &anyhow::Error) -> (u8, Option<String>) {
    for cause in err.chain() {
        if let Some(command) = cause.downcast_ref::<CommandError>() {
            return (command.blame as u8, command.hint.clone());
        }
        if let Some(error) = cause.downcast_ref::<drivetrain::Error>() {
            return (code_of(error.kind()), error.hint().map(str::to_owned));
        }
    }
    (1, None)
}

fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid | ErrorKind::Unsupported => 2,
        ErrorKind::NotFound | ErrorKind::Model => 3,
        ErrorKind::Abi | ErrorKind::Panic | ErrorKind::Dependency | ErrorKind::DeviceLost | ErrorKind::Busy => 4,
        ErrorKind::Io => 6,
        ErrorKind::Cancelled => interrupt::EXIT_CODE as u8,
        _ => 1,
    }
}

fn first_line(err: &anyhow::Error) -> String {
    err.chain().next().map_or_else(String::new, message_of)
}

/// The library's errors print their hint too; it is shown on a line of its own here.
fn message_of(cause: &(dyn std::error::Error + 'static)) -> String {
    match cause.downcast_ref::<drivetrain::Error>() {
        Some(error) => error.message().to_owned(),
        None => cause.to_string(),
    }
}

fn is_broken_pipe(err: &anyhow::Error) -> bool {
    err.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    })
}
