//! Errors of files, told the same way everywhere.

use std::{io, path::Path};

use drivetrain_contract::Error;

/// What a message calls a file.
pub(crate) fn quoted(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// An input that cannot be read; `label` is what messages call it.
pub(crate) fn unreadable(label: &str, err: io::Error) -> Error {
    let error = Error::io(format!("cannot read {label}"));
    match err.kind() {
        io::ErrorKind::UnexpectedEof => error.with_hint("it may have been cut short; get it again").with_source(err),
        _ => error.with_source(err),
    }
}

/// An output that cannot be written.
pub(crate) fn unwritable(path: &Path, err: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let error = Error::io(format!("cannot write {}", quoted(path))).with_source(err);
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        Some(folder) => error.with_hint(format!("there is no folder {}", quoted(folder))),
        None => error,
    }
}
