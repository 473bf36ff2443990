//! What the host lends a plugin: error text, services, the context of a call.

use core::ffi::{c_char, c_void};

use crate::{DT_ERROR_TEXT, DT_OK, DtStr};

/// Where a failing call writes why. Owned by the caller, so there is nothing to free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtError {
    /// Size of this struct.
    pub struct_size: u32,
    /// The status that is also returned.
    pub code: i32,
    /// The engine's own number, 0 if it has none.
    pub native_code: u32,
    /// Bytes of `msg` in use.
    pub msg_len: u32,
    /// UTF-8: the message; after the first line break, a hint that names the way out.
    pub msg: [c_char; DT_ERROR_TEXT],
}

impl DtError {
    /// No error yet.
    pub const fn new() -> Self {
        Self { struct_size: size_of::<Self>() as u32, code: DT_OK, native_code: 0, msg_len: 0, msg: [0; DT_ERROR_TEXT] }
    }
}

impl Default for DtError {
    fn default() -> Self {
        Self::new()
    }
}

/// Services of the host. The table outlives the plugin; every function may be called from any thread.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtHost {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_ABI_LEVEL` of the host.
    pub abi_level: u32,
    /// Passed to every function.
    pub ctx: *mut c_void,
    /// Takes a log record; never blocks.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, target: DtStr, msg: DtStr)>,
    /// Whether records of this level and target are wanted: 1 or 0. An empty target asks whether any could be.
    pub log_enabled: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, target: DtStr) -> i32>,
}

/// The context of one call. While the call lasts, any thread may ask its functions.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtCall {
    /// Size of this struct.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Passed to every function.
    pub ctx: *mut c_void,
    /// Whether the caller no longer wants the result: 1 or 0.
    pub is_cancelled: Option<unsafe extern "C" fn(ctx: *mut c_void) -> i32>,
    /// Takes note of progress.
    pub progress: Option<unsafe extern "C" fn(ctx: *mut c_void, permille: u32, phase: DtStr)>,
    /// Time left when the call begins, in nanoseconds; 0 is unlimited.
    pub timeout_ns: u64,
}
