//! The services lent to every plugin: logging, for now the only one anyone needs.

use std::{ffi::c_void, ptr};

use drivetrain_plugin_abi::{DT_ABI_LEVEL, DT_LOG_DEBUG, DT_LOG_ERROR, DT_LOG_INFO, DT_LOG_WARN, DtHost, DtStr};
use log::Level;

use crate::{caught::swallow, text::text};

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

/// A logger that panics loses the record: plugins log from threads on which nobody could be told.
unsafe extern "C" fn log_record(_ctx: *mut c_void, level: i32, target: DtStr, msg: DtStr) {
    swallow(|| {
        // SAFETY: the interface promises that both texts are valid for the call.
        let (target, msg) = unsafe { (text(target), text(msg)) };
        log::log!(target: &target, level_of(level), "{msg}");
    });
}

unsafe extern "C" fn log_enabled(_ctx: *mut c_void, level: i32, target: DtStr) -> i32 {
    let level = level_of(level);
    let enabled = swallow(|| {
        // SAFETY: as above.
        let target = unsafe { text(target) };
        // Without a target the question is whether any record of this level could be wanted.
        level <= log::max_level() && (target.is_empty() || log::log_enabled!(target: &target, level))
    });
    i32::from(enabled.unwrap_or(false))
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
