//! Records of the `log` crate go to the host, since each shared library has a `log` of its own.

use std::{ptr, sync::OnceLock};

use drivetrain_plugin_abi::{DT_LOG_DEBUG, DT_LOG_ERROR, DT_LOG_INFO, DT_LOG_TRACE, DT_LOG_WARN, DtHost, DtStr};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{guard::install_panic_hook, sized};

/// Prepares a plugin that lives in a shared library of its own.
///
/// Called again it only asks the host anew which records are wanted. A linked backend must not call this: it shares the
/// program's logger and panic hook.
///
/// # Safety
/// `host` is null or a service table that outlives this library.
pub unsafe fn prepare_exported(host: *const DtHost) {
    // SAFETY: promised by the caller.
    let Ok(host) = (unsafe { sized::read(host) }) else { return };
    if HOST.set(HostLog(host)).is_ok() {
        install_panic_hook();
        if let Some(logger) = HOST.get() {
            // It fails where the plugin has a logger of its own, which then stays.
            let _ = log::set_logger(logger);
        }
    }
    if let Some(logger) = HOST.get()
        && ptr::addr_eq(logger, log::logger())
    {
        log::set_max_level(logger.max_level());
    }
}

static HOST: OnceLock<HostLog> = OnceLock::new();

struct HostLog(DtHost);

// SAFETY: the interface lets the service functions be called from any thread.
unsafe impl Send for HostLog {}
// SAFETY: as above.
unsafe impl Sync for HostLog {}

impl HostLog {
    /// The finest level of which any record is wanted: what is finer need not cross the boundary to be dropped there.
    fn max_level(&self) -> LevelFilter {
        LevelFilter::iter()
            .filter_map(|filter| filter.to_level())
            .filter(|&level| self.wants(level, ""))
            .max()
            .map_or(LevelFilter::Off, |level| level.to_level_filter())
    }

    fn wants(&self, level: Level, target: &str) -> bool {
        match self.0.log_enabled {
            // SAFETY: the service table outlives this library; the text is borrowed for the call.
            Some(enabled) => unsafe { enabled(self.0.ctx, code(level), DtStr::new(target)) != 0 },
            None => self.0.log.is_some(),
        }
    }
}

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata.level(), metadata.target())
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
