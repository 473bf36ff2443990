//! What a call into the library failed with.

use std::{error::Error, fmt};

use openvino_sys::{ov_get_last_err_msg, ov_status_e};

use super::text;

/// Status of a call.
pub(crate) use openvino_sys::ov_status_e as Code;

/// A call that failed: its status and, in one line, what the library said.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The status.
    pub(crate) code: Code,
    message: String,
}

impl Failure {
    /// A failure of our own making, before the library was asked.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What the library said.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "status {:?}", self.code),
            message => f.write_str(message),
        }
    }
}

impl Error for Failure {}

/// Fails unless the status is [`Code::OK`], with the message the library left.
pub(super) fn check(status: ov_status_e) -> Result<(), Failure> {
    if status == Code::OK {
        return Ok(());
    }
    // SAFETY: the function takes nothing and gives null or a copy of the message, which is ours to free.
    let message = unsafe { text::take(ov_get_last_err_msg()) };
    Err(Failure::new(status, one_line(&message)))
}

/// Leaves out where in the library's source an exception was thrown, and the line breaks.
fn one_line(message: &str) -> String {
    let is_place = |line: &&str| line.starts_with("Exception from ") || line.ends_with("thrown");
    let lines: Vec<&str> =
        message.lines().map(str::trim).filter(|line| !line.is_empty()).filter(|line| !is_place(line)).collect();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_without_places() {
        let message =
            "Exception from src/inference/src/cpp/core.cpp:97:\nException from a.cpp:1:\n\nUnable to read\nx\n";
        assert_eq!(one_line(message), "Unable to read x");
        assert_eq!(one_line("std::bad_alloc"), "std::bad_alloc");
        assert_eq!(Failure::new(Code::NOT_FOUND, "").to_string(), "status NOT_FOUND");
    }
}
