//! Text to and from C.

use std::{
    ffi::{CStr, CString, c_char},
    path::Path,
};

use openvino_sys::ov_free;

use super::{Code, Failure};

/// Copies a text that the library allocated for its caller, and frees it; null is empty.
///
/// # Safety
/// `text` is null, or null-terminated and to be freed with `ov_free`.
pub(super) unsafe fn take(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises null-terminated text.
    let copy = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: the caller promises that it is to be freed so, and nothing points to it any more.
    unsafe { ov_free(text) };
    copy
}

/// A text for C.
pub(super) fn c_text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::new(Code::INVALID_C_PARAM, format!("{text:?} holds a null byte")))
}

/// A path for C, in the system's own bytes.
pub(super) fn c_path(path: &Path) -> Result<CString, Failure> {
    #[cfg(unix)]
    let bytes = Some(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()));
    #[cfg(not(unix))]
    let bytes = path.to_str().map(str::as_bytes);
    let unusable = || Failure::new(Code::INVALID_C_PARAM, format!("{path:?} cannot be passed to C"));
    CString::new(bytes.ok_or_else(unusable)?).map_err(|_| unusable())
}
