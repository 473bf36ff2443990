//! The services lent to every plugin: logging, for now the only one anyone needs.

use std::{ffi::c_void, ptr, slice};

use drivetrain_plugin_abi::{DT_ABI_LEVEL, DT_LOG_DEBUG, DT_LOG_ERROR, DT_LOG_INFO, DT_LOG_WARN, DtHost, DtStr};
use log::Level;

/// The table handed to every plugin.
pub(crate) static HOST: Services = Services(DtHost {
    struct_size: size_of::<DtHost>() as u32,
    abi_level: DT_ABI_LEVEL,
    ctx: ptr::null_mut(),
    log: Some(log_record),
    log_enabled: Some(log_enabled),
});

pub(crate) struct Services(DtHost);

// SAFETY: the table is never written, its context is null, and both functions may be called from any thread.
unsafe impl Sync for Services {}

impl Services {
    pub(crate) fn table(&self) -> *const DtHost {
        &self.0
    }
}

unsafe extern "C" fn log_record(_ctx: *mut c_void, level: i32, target: DtStr, msg: DtStr) {
    // SAFETY: the interface promises that both texts are valid for the call.
    let (target, msg) = unsafe { (lossy(target), lossy(msg)) };
    log::log!(target: &target, level_of(level), "{msg}");
}

unsafe extern "C" fn log_enabled(_ctx: *mut c_void, level: i32, target: DtStr) -> i32 {
    // SAFETY: as above.
    let target = unsafe { lossy(target) };
    i32::from(log::log_enabled!(target: &target, level_of(level)))
}

/// # Safety
/// `text` is valid for reads, or its length is 0.
unsafe fn lossy(text: DtStr) -> String {
    if text.ptr.is_null() || text.len == 0 {
        return String::new();
    }
    // SAFETY: promised by the caller.
    String::from_utf8_lossy(unsafe { slice::from_raw_parts(text.ptr.cast(), text.len) }).into_owned()
}

fn level_of(code: i32) -> Level {
    match code {
        DT_LOG_ERROR => Level::Error,
        DT_LOG_WARN => Level::Warn,
        DT_LOG_INFO => Level::Info,
        DT_LOG_DEBUG => Level::Debug,
        _ => Level::Trace,
    }
}
