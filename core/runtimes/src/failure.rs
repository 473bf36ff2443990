//! How a failed file operation is told: what was tried, on which path, and what to do about it.

use std::{io, path::Path};

use drivetrain_contract::{Error, ErrorKind};

/// An I/O error that says what could not be done (`write`, `create`) to which path.
pub(crate) fn io_error(action: &str, path: &Path, err: io::Error) -> Error {
    let message = format!("failed to {action} `{}`", path.display());
    let hint = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(FULL_HINT),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Some(READ_ONLY_HINT),
        _ => None,
    };
    let err = Error::new(ErrorKind::Io, message).with_source(err);
    match hint {
        Some(hint) => err.with_hint(hint),
        None => err,
    }
}

/// The way out of a full disk.
pub(crate) const FULL_HINT: &str = "make room on that disk, or set DRIVETRAIN_HOME to a folder that has some";

const READ_ONLY_HINT: &str = "set DRIVETRAIN_HOME to a folder that can be written to";
