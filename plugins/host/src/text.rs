//! A plugin's text and bytes.

use std::{borrow::Cow, slice};

use drivetrain_plugin_abi::{DtBytes, DtStr};

/// Nothing a plugin says is longer; what lies beyond is cut off.
const MAX_BYTES: usize = 1 << 20;

/// The text; what is not UTF-8 in it is replaced.
///
/// # Safety
/// `text` is valid for reads while the result is in use, or null or empty.
pub(crate) unsafe fn text<'a>(text: DtStr) -> Cow<'a, str> {
    // SAFETY: promised by the caller.
    String::from_utf8_lossy(unsafe { bytes(DtBytes { ptr: text.ptr.cast(), len: text.len }) })
}

/// # Safety
/// `bytes` is valid for reads while the result is in use, or null or empty.
pub(crate) unsafe fn bytes<'a>(bytes: DtBytes) -> &'a [u8] {
    if bytes.ptr.is_null() || bytes.len == 0 {
        return &[];
    }
    // SAFETY: promised by the caller; no longer than he says.
    unsafe { slice::from_raw_parts(bytes.ptr, bytes.len.min(MAX_BYTES)) }
}
