//! Records of the `log` crate go to the host, since each shared library has a `log` of its own.

use std::sync::OnceLock;

use drivetrain_plugin_abi::{DT_LOG_DEBUG, DT_LOG_ERROR, DT_LOG_INFO, DT_LOG_TRACE, DT_LOG_WARN, DtHost, DtStr};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::guard::install_panic_hook;

/// Prepares a plugin that lives in a shared library of its own.
///
/// A linked backend must not call this: it shares the program's logger and panic hook.
///
/// # Safety
/// `host` is null or a service table that outlives this library.
pub unsafe fn prepare_exported(host: *const DtHost) {
    // SAFETY: promised by the caller.
    let host = unsafe { host.as_ref() }.filter(|host| host.struct_size as usize >= size_of::<DtHost>());
    if let Some(host) = host
        && HOST.set(HostLog(*host)).is_ok()
    {
        install_panic_hook();
        if let Some(logger) = HOST.get()
            && log::set_logger(logger).is_ok()
        {
            log::set_max_level(LevelFilter::Trace);
        }
    }
}

static HOST: OnceLock<HostLog> = OnceLock::new();

struct HostLog(DtHost);

// SAFETY: the interface lets the service functions be called from any thread.
unsafe impl Send for HostLog {}
// SAFETY: as above.
unsafe impl Sync for HostLog {}

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match self.0.log_enabled {
            // SAFETY: the service table outlives this library.
            Some(enabled) => unsafe { enabled(self.0.ctx, code(metadata.level()), DtStr::new(metadata.target())) != 0 },
            None => self.0.log.is_some(),
        }
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(log) = self.0.log
            && self.enabled(record.metadata())
        {
            let message = record.args().to_string();
            // SAFETY: as above; both texts are borrowed for the call.
            unsafe { log(self.0.ctx, code(record.level()), DtStr::new(record.target()), DtStr::new(&message)) }
        }
    }

    fn flush(&self) {}
}

fn code(level: Level) -> i32 {
    match level {
        Level::Error => DT_LOG_ERROR,
        Level::Warn => DT_LOG_WARN,
        Level::Info => DT_LOG_INFO,
        Level::Debug => DT_LOG_DEBUG,
        Level::Trace => DT_LOG_TRACE,
    }
}
