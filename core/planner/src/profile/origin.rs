//! Where a value came from.

use std::{fmt, path::PathBuf};

use serde_json::{Value, json};

/// The layer, and where in it, a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The default profile that is part of the program.
    Default,
    /// A shipped profile that another one inherits, by its name.
    Shipped(&'static str),
    /// A file, and the line in it.
    File {
        /// Path as the user gave it.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A `KEY=VALUE` of the command line.
    Set,
    /// A command-line flag, as it is spelt.
    Flag(&'static str),
    /// The program that uses the library.
    Program,
}

impl Origin {
    /// What a message about the setting `key` begins with.
    pub(crate) fn place_of(&self, key: &str) -> String {
        match self {
            // Here the name of the place says which setting it is.
            Origin::Flag(_) | Origin::Variable(_) => format!("`{self}`"),
            _ => format!("{self}: `{key}`"),
        }
    }

    /// Whether it means the run at hand, so that a setting made there for the whole counts for the sides too.
    pub(crate) fn is_of_the_run(&self) -> bool {
        matches!(self, Origin::Variable(_) | Origin::Set | Origin::Flag(_))
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Origin::Default => json!({ "kind": "default" }),
            Origin::Shipped(name) => json!({ "kind": "shipped", "name": name }),
            Origin::File { path, line } => json!({ "kind": "file", "path": path.to_string_lossy(), "line": line }),
            Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
            Origin::Set => json!({ "kind": "set" }),
            Origin::Flag(name) => json!({ "kind": "flag", "name": name }),
            Origin::Program => json!({ "kind": "program" }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Shipped(name) => write!(f, "profile {name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::Set => f.write_str("--set"),
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
