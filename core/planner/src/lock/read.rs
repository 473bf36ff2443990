//! Locks from their text.

use std::{fs::File, io::Read, path::Path};

use drivetrain_contract::{Error, Result};
use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer, Error as TomlError};

use super::Lock;

/// Version of the format, the only one there is so far.
pub(super) const VERSION: u32 = 1;
/// Many times what a lock of a model with thousands of files, or the JSON of a plan with hundreds of candidates, has.
const MAX_BYTES: u64 = 4 << 20;

impl Lock {
    /// The lock in a file.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when it is not there, [`drivetrain_contract::ErrorKind::Io`] when it
    /// cannot be read, and as [`Lock::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&path.display().to_string(), &text(path)?)
    }

    /// The lock in a text that messages call `label`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with line and column when it is no lock, and without when it is one of
    /// a version that this program does not read.
    pub fn parse(label: &str, text: &str) -> Result<Self> {
        let broken = |err: TomlError| {
            let (line, column) = place(text, err.span().map_or(0, |span| span.start));
            Error::invalid(format!("`{label}`:{line}:{column}: {}", err.message()))
                .with_hint("`drivetrain plan --lock` writes it anew")
        };
        let mut document = DeTable::parse(text).map_err(broken)?;
        check_version(label, document.get_ref())?;
        document.get_mut().remove("version");
        let lock = Self::deserialize(Deserializer::from(document)).map_err(broken)?;
        if !lock.model.files.contains_key(&lock.plan.file) {
            let message = format!("`{label}` is incomplete: `{}`, which is loaded, is not locked", lock.plan.file);
            return Err(Error::invalid(message).with_hint("`drivetrain plan --lock` writes it anew"));
        }
        Ok(lock)
    }
}

/// The text of a file, from anything that can be read: a shell's `<(…)` is a pipe.
pub(super) fn text(path: &Path) -> Result<String> {
    let label = path.display();
    let unreadable = |err: std::io::Error| match err.kind() {
        std::io::ErrorKind::NotFound => {
            Error::not_found(format!("there is no `{label}`")).with_hint("`drivetrain plan --lock` writes one")
        }
        _ => Error::io(format!("cannot read `{label}`")).with_source(err),
    };
    let mut bytes = Vec::new();
    // What a device or a pipe will give is known only when it has been read.
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::invalid(format!("`{label}` has more than {MAX_BYTES} bytes, too long for a plan")));
    }
    String::from_utf8(bytes).map_err(|err| {
        let valid = String::from_utf8_lossy(&err.as_bytes()[..err.utf8_error().valid_up_to()]);
        let (line, column) = place(&valid, valid.len());
        Error::invalid(format!("`{label}`:{line}:{column}: not UTF-8"))
    })
}

/// # Errors
/// When there is none, or another than this program reads, which is said before anything else that is not known.
fn check_version(label: &str, document: &DeTable<'_>) -> Result<()> {
    let number = |value: &DeValue<'_>| value.as_integer().map(|number| number.as_str().to_owned());
    let found = document.get("version").map(|value| number(value.get_ref()));
    match found {
        Some(Some(found)) if found == VERSION.to_string() => Ok(()),
        Some(Some(found)) => {
            let message = format!("`{label}` is of version {found}, this program reads version {VERSION}");
            Err(Error::invalid(message)
                .with_hint("take the program that wrote it, or write it anew: `drivetrain plan --lock`"))
        }
        _ => Err(Error::invalid(format!("`{label}` has no `version` and so is no lock"))
            .with_hint("`drivetrain plan --lock` writes one")),
    }
}

/// Line and column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
