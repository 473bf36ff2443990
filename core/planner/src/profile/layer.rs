//! One source of settings.

use std::{fs, path::Path};

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use crate::profile::{
    Origin,
    assignment::{Assignment, parse},
};

/// The default profile, which is part of the program.
const DEFAULT_TOML: &str = include_str!("../../../../configs/default.toml");
/// A profile is a page of text; anything longer is not one.
const MAX_BYTES: u64 = 1 << 20;

/// Settings of one source, in the order they were made.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    pub(crate) assignments: Vec<Assignment>,
}

impl Layer {
    /// The default profile.
    ///
    /// # Panics
    /// Never: a test reads the embedded file.
    pub fn defaults() -> Self {
        let assignments = parse(DEFAULT_TOML, "default.toml", |_| Origin::Default);
        Self { assignments: assignments.expect("the embedded default profile is valid, which a test checks") }
    }

    /// A profile file.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, [`drivetrain_contract::ErrorKind::Invalid`] with
    /// the line when it is not TOML.
    pub fn file(path: &Path) -> Result<Self> {
        let unreadable = |err| Error::io(format!("cannot read profile `{}`", path.display())).with_source(err);
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(Error::invalid(format!("`{}` has {length} bytes, too long for a profile", path.display())));
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes)
            .map_err(|err| Error::invalid(format!("profile `{}` is not UTF-8", path.display())).with_source(err))?;
        let origin = |line| Origin::File { path: path.to_path_buf(), line };
        Ok(Self { assignments: parse(&text, &path.display().to_string(), origin)? })
    }

    /// The text of a profile, as a program that uses the library holds it.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with the line when it is not TOML.
    pub fn text(text: &str) -> Result<Self> {
        Ok(Self { assignments: parse(text, "profile", |_| Origin::Program)? })
    }

    /// Adds one setting, as a command-line flag makes it.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, origin: Origin) {
        let key = key.split('.').map(str::to_owned).collect();
        self.assignments.push(Assignment { key, value: value.into(), origin });
    }
}
