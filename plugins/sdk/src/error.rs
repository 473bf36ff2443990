//! Errors as text in the host's buffer.

use drivetrain_contract::Error;
use drivetrain_plugin_abi::{DT_E_INTERNAL, DT_ERROR_TEXT, DT_OK, DtError};

/// Writes message, causes and hint, cut at a character boundary if they do not fit.
pub(crate) fn write_error(err: *mut DtError, error: &Error) {
    // SAFETY: the interface promises that `err` is null or a valid error of the caller's; its size is checked before
    // any field behind the first is written.
    let Some(err) = (unsafe { err.as_mut() }) else { return };
    if (err.struct_size as usize) < size_of::<DtError>() {
        return;
    }
    let text = wire_text(error);
    let mut end = text.len().min(DT_ERROR_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    err.code = error.kind().code();
    err.native_code = 0;
    err.msg_len = end as u32;
    for (slot, byte) in err.msg.iter_mut().zip(&text.as_bytes()[..end]) {
        *slot = *byte as std::ffi::c_char;
    }
}

/// The code just written, or "internal" where there was nowhere to write it.
pub(crate) fn code_of(err: *const DtError) -> i32 {
    // SAFETY: as above.
    match unsafe { err.as_ref() } {
        Some(err) if err.code != DT_OK => err.code,
        _ => DT_E_INTERNAL,
    }
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

    #[test]
    fn long_text_is_cut_between_characters() {
        let mut err = DtError::new();
        write_error(&mut err, &Error::model("é".repeat(2000)).with_hint("never seen"));
        assert_eq!(err.msg_len as usize, DT_ERROR_TEXT);
        assert_eq!(code_of(&err), 9);
    }

    #[test]
    fn a_null_or_short_buffer_is_left_alone() {
        write_error(std::ptr::null_mut(), &Error::invalid("x"));
        let mut err = DtError { struct_size: 8, ..DtError::new() };
        write_error(&mut err, &Error::invalid("x"));
        assert_eq!(err.msg_len, 0);
        assert_eq!(code_of(&err), DT_E_INTERNAL);
    }
}
