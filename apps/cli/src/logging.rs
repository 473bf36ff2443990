//! Log records of every crate, on standard error.

use std::io::Write;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::exit::printable;

/// Starts logging: warnings by default, more with each `-v`, errors only with `-q`.
pub(crate) fn install(verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::Error,
        (_, 0) => LevelFilter::Warn,
        (_, 1) => LevelFilter::Info,
        (_, 2) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        };
        // With standard error gone there is nowhere left to complain.
        let _ = writeln!(std::io::stderr(), "{level}: {}", printable(&record.args().to_string()));
    }

    fn flush(&self) {}
}
