//! What goes wrong between here and the hub, and whether waiting may help.

use std::{io, path::Path, time::Duration};

use drivetrain_contract::{Error, ErrorKind};

/// Why an attempt failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another attempt would fail as well.
    Final(Error),
    /// It may work later, after this time if the hub said so.
    Passing { error: Error, after: Option<Duration> },
}

impl Failure {
    pub(crate) fn passing(error: Error) -> Self {
        Self::Passing { error, after: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// What an error code of the hub is about (`X-Error-Code`, as huggingface_hub reads it).
#[derive(Clone, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: u16,
    /// The value of `X-Error-Code`.
    pub(crate) code: Option<&'a str>,
    pub(crate) after: Option<Duration>,
    pub(crate) asked: &'a Asked<'a>,
}

/// What the hub was asked for, as messages need it.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) id: &'a str,
    pub(crate) revision: &'a str,
    /// The file, or `None` for the list of files.
    pub(crate) file: Option<&'a str>,
    pub(crate) has_token: bool,
}

impl Asked<'_> {
    /// What a message calls it.
    pub(crate) fn what(&self) -> String {
        match self.file {
            Some(file) => format!("`{file}` of `{}`", self.id),
            None => format!("`{}`", self.id),
        }
    }
}

impl Refusal<'_> {
    pub(crate) fn into_failure(self) -> Failure {
        let what = self.asked.what();
        match self.status {
            401 | 403 => Failure::Final(self.denied()),
            404 | 410 => Failure::Final(self.absent()),
            429 => {
                let message = format!("the hub refuses {what}: too many requests from here (429)");
                Failure::Passing { error: self.later(message), after: self.after }
            }
            408 | 500 | 502..=504 => {
                let message = format!("the hub failed to give {what} ({})", self.status);
                Failure::Passing { error: self.later(message), after: self.after }
            }
            status => Failure::Final(Error::not_found(format!("the hub refuses {what} ({status})"))),
        }
    }

    fn denied(&self) -> Error {
        let Asked { endpoint, id, has_token, .. } = *self.asked;
        let status = self.status;
        if self.code == Some("GatedRepo") && has_token {
            return Error::not_found(format!("`{id}` is gated, and the token has no access to it ({status})"))
                .with_hint(format!("accept its conditions at `{endpoint}/{id}`"));
        }
        if has_token {
            return Error::not_found(format!("the hub does not give {} to this token ({status})", self.asked.what()))
                .with_hint(format!("check the name, and what HF_TOKEN may read at `{endpoint}/{id}`"));
        }
        // Without a token the hub does not tell a private model from one that is not there.
        Error::not_found(format!("`{id}` is not there, or is private or gated ({status})"))
            .with_hint("check the name; for a private or gated model set HF_TOKEN")
    }

    fn absent(&self) -> Error {
        let Asked { endpoint, id, revision, .. } = *self.asked;
        match (self.code, self.asked.file) {
            (Some("RevisionNotFound"), _) => Error::not_found(format!("`{id}` has no revision `{revision}`"))
                .with_hint(format!("see `{endpoint}/{id}` for its branches, tags and commits")),
            (_, Some(file)) => Error::not_found(format!("`{id}` has no file `{file}` in revision `{revision}`")),
            (_, None) => Error::not_found(format!("there is no model `{id}` with a revision `{revision}` on the hub"))
                .with_hint(format!("check the name at `{endpoint}`")),
        }
    }

    fn later(&self, message: String) -> Error {
        let wait = self.after.map_or("later".to_owned(), |after| format!("in {} s", after.as_secs()));
        let token = if self.status == 429 && !self.asked.has_token { "; with HF_TOKEN more is allowed" } else { "" };
        Error::new(ErrorKind::Busy, message).with_hint(format!("try again {wait}{token}"))
    }
}

/// An error of the file system.
pub(crate) fn io_error(verb: &str, path: &Path, err: io::Error) -> Error {
    let error = Error::io(format!("failed to {verb} `{}`", path.display()));
    let error = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            error.with_hint("free some space and try again: what has come so far is kept")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            error.with_hint("data and cache folder must be writable: see DRIVETRAIN_HOME and DRIVETRAIN_CACHE")
        }
        _ => error,
    };
    error.with_source(err)
}
