//! The one error type that crosses the contract: kind, message, hint, source.

use std::{error::Error as StdError, fmt};

/// Result of every fallible operation of the contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, coarsely enough to act on.
///
/// The discriminants are the status codes of the plugin ABI, where an unknown code reads as [`ErrorKind::Internal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller passed something that cannot be right.
    Invalid = 1,
    /// The request is well formed, but this backend, device or build cannot do it.
    Unsupported = 2,
    /// A file, device or name does not exist.
    NotFound = 3,
    /// Host or device memory ran out, or a limit on it would be exceeded.
    OutOfMemory = 4,
    /// The device went away; only dropping the session is allowed.
    DeviceLost = 5,
    /// The caller asked to stop.
    Cancelled = 6,
    /// The time the caller allowed is over.
    Deadline = 7,
    /// A resource is in use; the same call may succeed later.
    Busy = 8,
    /// The model's files are broken or contradict each other.
    Model = 9,
    /// A plugin broke the rules of the binary interface.
    Abi = 10,
    /// A bug of ours or of the engine.
    Internal = 11,
    /// A plugin panicked; its handle is poisoned and may only be dropped.
    Panic = 12,
    /// A native library is missing, too old, or not a library.
    Dependency = 13,
    /// Reading or writing a file failed.
    Io = 14,
}

impl ErrorKind {
    /// The status code of the plugin ABI.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The kind for a status code; unknown codes are [`ErrorKind::Internal`].
    pub fn from_code(code: i32) -> Self {
        use ErrorKind::*;
        const KINDS: [ErrorKind; 14] = [
            Invalid,
            Unsupported,
            NotFound,
            OutOfMemory,
            DeviceLost,
            Cancelled,
            Deadline,
            Busy,
            Model,
            Abi,
            Internal,
            Panic,
            Dependency,
            Io,
        ];
        KINDS.into_iter().find(|kind| kind.code() == code).unwrap_or(Internal)
    }
}

/// An error with a kind to act on, a message to read, and the cause beneath it.
///
/// Messages are lower case without a full stop, with the thing they speak of in backticks. `Display` prints the
/// message and the hint; the cause is reached through [`std::error::Error::source`].
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Shorthand for [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Shorthand for [`ErrorKind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// Shorthand for [`ErrorKind::NotFound`].
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Shorthand for [`ErrorKind::Model`].
    pub fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Model, message)
    }

    /// Shorthand for [`ErrorKind::Io`].
    pub fn io(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Io, message)
    }

    /// Shorthand for [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Shorthand for [`ErrorKind::Dependency`].
    pub fn dependency(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Dependency, message)
    }

    /// The same error with the way out named: a command to run, a key to set.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with the cause beneath it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, in words, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Message, hint and every cause on one line: what is logged or sent over a boundary that carries text only.
    pub fn to_text(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = self.source();
        while let Some(err) = cause {
            text.push_str(": ");
            text.push_str(&err.to_string());
            cause = err.source();
        }
        if let Some(hint) = &self.hint {
            text.push_str(" (hint: ");
            text.push_str(hint);
            text.push(')');
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_unknown_ones_are_internal() {
        for code in 1..=14 {
            assert_eq!(ErrorKind::from_code(code).code(), code);
        }
        assert_eq!(ErrorKind::from_code(0), ErrorKind::Internal);
        assert_eq!(ErrorKind::from_code(-7), ErrorKind::Internal);
    }

    #[test]
    fn text_holds_message_causes_and_hint() {
        let err = Error::model("failed to load `m`").with_source("bad header").with_hint("convert it again");
        assert_eq!(err.to_text(), "failed to load `m`: bad header (hint: convert it again)");
        assert_eq!(err.to_string(), "failed to load `m` (hint: convert it again)");
    }
}
