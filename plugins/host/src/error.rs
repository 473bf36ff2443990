//! Statuses and error buffers of a plugin, turned into errors.

use drivetrain_contract::{Error, ErrorKind, Result};
use drivetrain_plugin_abi::{DT_ERROR_TEXT, DT_OK, DtError};

/// Calls `body` with a fresh error buffer and turns a status other than 0 into an error.
pub(crate) fn call(plugin: &str, body: impl FnOnce(*mut DtError) -> i32) -> Result<()> {
    let mut err = DtError::new();
    match body(&mut err) {
        DT_OK => Ok(()),
        status => Err(read(plugin, status, &err)),
    }
}

/// The error a plugin described, or a description of the lack of one.
pub(crate) fn read(plugin: &str, status: i32, err: &DtError) -> Error {
    let kind = ErrorKind::from_code(status);
    let length = (err.msg_len as usize).min(DT_ERROR_TEXT);
    let bytes: Vec<u8> = err.msg[..length].iter().map(|&byte| byte as u8).collect();
    let text = String::from_utf8_lossy(&bytes);
    let (message, hint) = text.split_once('\n').unwrap_or((&text, ""));
    let message = match message.trim() {
        "" => format!("plugin `{plugin}` failed with status {status} and gave no reason"),
        // The plugin's own words are kept: they name the thing that failed.
        message if kind == ErrorKind::Panic => format!("plugin `{plugin}` {message}"),
        message => message.to_owned(),
    };
    let error = Error::new(kind, message);
    match hint.trim() {
        "" => error,
        hint => error.with_hint(hint),
    }
}

/// An error for a plugin that breaks the interface.
pub(crate) fn broken(plugin: &str, what: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Abi, format!("plugin `{plugin}` {}", what.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_text_still_says_whose_it_is() {
        let error = call("p", |_| 9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model);
        assert_eq!(error.to_string(), "plugin `p` failed with status 9 and gave no reason");
    }

    #[test]
    fn the_second_line_is_the_hint_and_lengths_are_not_trusted() {
        let error = call("p", |err| {
            // SAFETY: `call` passes a valid buffer.
            let err = unsafe { &mut *err };
            for (slot, byte) in err.msg.iter_mut().zip(b"no device\nuse cpu") {
                *slot = *byte as std::ffi::c_char;
            }
            err.msg_len = u32::MAX;
            77
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(error.message(), "no device");
        assert!(error.hint().unwrap().starts_with("use cpu"));
    }
}
