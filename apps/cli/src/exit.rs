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
  3    the model, or another thing that was named: not there; or the model's files are broken
  4    the engine: a plugin, device or native library that cannot be used, or no memory for it; or a hub that is busy
  5    the input: a file or a line in it that cannot be read
  6    the output: a file that cannot be written, or a disk that fails
  7    the artifact that was made is not as exact as its kind should be, and was put aside
  8    the two plans that `plan --diff` compares differ
  130  interrupted by Ctrl-C; 143 by SIGTERM";

/// No engine can be used.
pub(crate) const ENGINE: u8 = 4;

/// Plans that were compared differ.
pub(crate) const DIFFERENT: u8 = 8;

/// Where an error of the command itself belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    Usage = 2,
    Input = 5,
    Output = 6,
    Artifact = 7,
}

/// An error of the command line tool, with its exit code.
#[derive(Debug)]
pub(crate) struct CommandError {
    blame: Blame,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl CommandError {
    pub(crate) fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, message: message.into(), hint: None, source: None }
    }

    /// An error of the library for which the command knows better than its kind where it belongs.
    pub(crate) fn of(blame: Blame, err: drivetrain::Error) -> Self {
        let hint = err.hint().map(str::to_owned);
        Self { blame, message: err.message().to_owned(), hint, source: Some(err.into()) }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CommandError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Prints an error with its causes and hint, and gives the exit code for it.
pub(crate) fn report(err: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(err) {
        // Whoever read the output has enough of it.
        return ExitCode::SUCCESS;
    }
    let (code, hint) = judge(err);
    let text = match is_interruption(err) {
        // Each part of the library has its own words for it.
        true => format!("error: interrupted{}", hint_line(hint.as_deref())),
        false => told(err, hint.as_deref()),
    };
    // With standard error gone there is nowhere left to complain.
    let _ = writeln!(io::stderr(), "{}", printable(&text));
    ExitCode::from(code)
}

/// Text with everything escaped that could move a terminal's cursor: messages quote names and lines from files.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        _ if c.is_control() => c.escape_default().to_string(),
        _ => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn told(err: &anyhow::Error, hint: Option<&str>) -> String {
    let mut text = format!("error: {}", first_line(err));
    let mut shown = first_line(err);
    for cause in err.chain().skip(1) {
        let line = message_of(cause);
        if !shown.contains(&line) {
            text.push_str(&format!("\n  cause: {line}"));
            shown = line;
        }
    }
    text.push_str(&hint_line(hint));
    text
}

fn hint_line(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!("\n  hint: {hint}"))
}

fn is_interruption(err: &anyhow::Error) -> bool {
    err.chain().any(|cause| {
        cause.downcast_ref::<drivetrain::Error>().is_some_and(|error| error.kind() == ErrorKind::Cancelled)
    })
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
        ErrorKind::Abi
        | ErrorKind::Panic
        | ErrorKind::Dependency
        | ErrorKind::DeviceLost
        | ErrorKind::Busy
        | ErrorKind::OutOfMemory => ENGINE,
        ErrorKind::Io => 6,
        ErrorKind::Cancelled => interrupt::exit_code(),
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
    err.chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe))
}
