//! Borrowed text and bytes.

use core::{ffi::c_char, ptr};

/// UTF-8 with a length; not terminated. `ptr` may be null when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtStr {
    /// First byte.
    pub ptr: *const c_char,
    /// Number of bytes.
    pub len: usize,
}

/// Bytes with a length. A null `ptr` means "not given".
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtBytes {
    /// First byte.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl DtStr {
    /// No text.
    pub const EMPTY: Self = Self { ptr: ptr::null(), len: 0 };

    /// Borrows `text`; valid as long as it is.
    pub const fn new(text: &str) -> Self {
        Self { ptr: text.as_ptr().cast(), len: text.len() }
    }
}

impl DtBytes {
    /// Not given.
    pub const NONE: Self = Self { ptr: ptr::null(), len: 0 };

    /// Borrows `bytes`; valid as long as they are.
    pub const fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }
}
