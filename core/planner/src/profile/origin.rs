//! Where a value came from.

use std::{fmt, path::PathBuf};

/// The layer, and where in it, a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default profile that is part of the program.
    Default,
    /// A file, and the line in it.
    File {
        /// Path as the user gave it.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// A command-line flag, as it is spelt.
    Flag(&'static str),
    /// The program that uses the library.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Program => f.write_str("program"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub origin: Origin,
}
