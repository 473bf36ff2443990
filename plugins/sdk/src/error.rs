//! Errors as text in the host's buffer.

use drivetrain_contract::Error;
use drivetrain_plugin_abi::{DT_ERROR_TEXT, DtError};

use crate::sized;

/// Writes message, causes and hint, cut at a character boundary if they do not fit. Gives the status.
///
/// # Safety
/// `err` is null or an error buffer of the host's.
pub(crate) unsafe fn write_error(err: *mut DtError, error: &Error) -> i32 {
    let code = error.kind().code();
    let text = wire_text(error);
    let mut end = text.len().min(DT_ERROR_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut raw = DtError { code, msg_len: end as u32, ..DtError::new() };
    for (slot, byte) in raw.msg.iter_mut().zip(&text.as_bytes()[..end]) {
        *slot = *byte as std::ffi::c_char;
    }
    // SAFETY: promised by the caller. Where there is no buffer, the status alone must do.
    let _ = unsafe { sized::write(&raw, err) };
    code
}

/// The message on the first line, the hint after the first line break.
fn wire_text(error: &Error) -> String {
    let mut text = error.message().replace('\n', " ");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string().replace('\n', " "));
        cause = source.source();
    }
    if let Some(hint) = error.hint() {
        text.push('\n');
        text.push_str(hint);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the status, and the length of the text in the buffer.
    fn check(mut err: DtError, error: &Error, expected: (i32, usize)) {
        // SAFETY: the buffer is at least as large as it says.
        let status = unsafe { write_error(&mut err, error) };
        assert_eq!((status, err.msg_len as usize), expected);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = Error::model("é".repeat(2000)).with_hint("never seen");
        check(DtError::new(), &long, (9, DT_ERROR_TEXT));
        check(DtError::new(), &Error::model(format!("x{}", "é".repeat(2000))), (9, DT_ERROR_TEXT - 1));
    }

    #[test]
    fn without_a_buffer_the_status_remains() {
        check(DtError { struct_size: 8, ..DtError::new() }, &Error::invalid("x"), (1, 0));
        // SAFETY: null is allowed.
        assert_eq!(unsafe { write_error(std::ptr::null_mut(), &Error::invalid("x")) }, 1);
    }
}
