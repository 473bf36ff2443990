//! The process's one ONNX Runtime: loaded once, kept for good.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use drivetrain_contract::{Error, Result};
use log::Level;
use ort::{environment::Environment, logging::LogLevel};

use crate::{error::INSTALL, library};

/// First version whose published libraries carry telemetry.
const TELEMETRY_SINCE: (u32, u32) = (1, 29);

/// Environment variable that keeps it from starting.
const TELEMETRY_VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Target of the engine's own messages in the log.
const LOG_TARGET: &str = "onnxruntime";

static LOADED: Mutex<Loaded> = Mutex::new(Loaded { path: None, runtime: None });

/// A loaded ONNX Runtime and its environment.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// What the library says its version is.
    pub(crate) version: String,
    /// The process's environment.
    pub(crate) environment: Environment,
}

/// `path` is set as soon as `ort` is bound to a library, also if creating the environment fails after that.
struct Loaded {
    path: Option<PathBuf>,
    runtime: Option<&'static Runtime>,
}

impl Runtime {
    /// Loads the library at `path`, or finds it loaded.
    ///
    /// # Errors
    /// `Invalid` for a relative path, `Dependency` for a file that is missing or unsuitable, and where this process
    /// already uses another library.
    pub(crate) fn load(path: &Path) -> Result<&'static Self> {
        let path = resolve(path)?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        match (&loaded.path, loaded.runtime) {
            (Some(first), _) if *first != path => return Err(another_is_loaded(first, &path)),
            (_, Some(runtime)) => return Ok(runtime),
            _ => {}
        }
        let version = library::load(&path)?;
        warn_of_telemetry(&path, &version);
        let builder = ort::init_from(&path).map_err(|err| {
            Error::dependency(format!("cannot use `{}`", path.display()))
                .with_source(err.to_string())
                .with_hint(INSTALL)
        })?;
        loaded.path = Some(path);
        let environment = builder
            .with_name("drivetrain")
            .with_telemetry(false)
            .with_logger(Arc::new(|level: LogLevel, _category: &str, _id: &str, location: &str, message: &str| {
                log::log!(target: LOG_TARGET, log_level(level, message), "{message} ({location})");
            }))
            .build()
            .map_err(|err| Error::dependency("cannot create ONNX Runtime's environment").with_source(err))?;
        environment.set_log_level(LogLevel::Warning);
        let runtime: &'static Self = Box::leak(Box::new(Self { version, environment }));
        loaded.runtime = Some(runtime);
        Ok(runtime)
    }
}

/// The file behind `path`, links followed, so that two names of one library are one library.
fn resolve(path: &Path) -> Result<PathBuf> {
    if !path.is_absolute() {
        return Err(Error::invalid(format!("`library` must be an absolute path, not `{}`", path.display())));
    }
    let file = fs::canonicalize(path).map_err(|err| {
        Error::dependency(format!("there is no ONNX Runtime at `{}`", path.display()))
            .with_source(err)
            .with_hint(INSTALL)
    })?;
    // Opening a pipe or a device would wait for ever.
    if !file.is_file() {
        return Err(Error::dependency(format!("`{}` is not a file", path.display())).with_hint(INSTALL));
    }
    Ok(file)
}

fn another_is_loaded(first: &Path, second: &Path) -> Error {
    Error::dependency(format!(
        "this process already uses `{}`, it cannot use `{}` as well",
        first.display(),
        second.display()
    ))
    .with_hint("name one library everywhere, or use another process")
}

fn warn_of_telemetry(path: &Path, version: &str) {
    let carries = library::numbers(version).is_some_and(|numbers| numbers >= TELEMETRY_SINCE);
    if carries && std::env::var_os(TELEMETRY_VARIABLE).is_none_or(|value| value != "1") {
        log::warn!(
            "`{}` is ONNX Runtime {version}, which writes a device id under the user's cache folder: start the program \
             with {TELEMETRY_VARIABLE}=1, or use a version before 1.29",
            path.display()
        );
    }
}

/// How messages begin that the engine also returns as the error of a call. Whoever made the call may have an answer to
/// it, such as a smaller batch; it is not for the log to say that something went wrong.
const RETURNED: [&str; 2] = ["Non-zero status code returned while running", "Exception during initialization"];

fn log_level(level: LogLevel, message: &str) -> Level {
    match level {
        LogLevel::Error if RETURNED.iter().any(|begin| message.starts_with(begin)) => Level::Debug,
        LogLevel::Verbose => Level::Trace,
        LogLevel::Info => Level::Debug,
        LogLevel::Warning => Level::Warn,
        LogLevel::Error | LogLevel::Fatal => Level::Error,
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn what_is_returned_as_an_error_is_not_told_twice() {
        let failed = "Non-zero status code returned while running Add node. Name:'x' Status Message: std::bad_alloc";
        assert_eq!(log_level(LogLevel::Error, failed), Level::Debug);
        assert_eq!(log_level(LogLevel::Error, "a provider cannot be loaded"), Level::Error);
        assert_eq!(log_level(LogLevel::Warning, failed), Level::Warn);
    }

    #[test]
    fn paths_that_are_no_file_are_refused_before_loading() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| Runtime::load(path).unwrap_err().kind();
        assert_eq!(kind(Path::new("libonnxruntime.so")), ErrorKind::Invalid);
        assert_eq!(kind(folder.path()), ErrorKind::Dependency);
        assert_eq!(kind(&folder.path().join("missing.so")), ErrorKind::Dependency);
    }
}
