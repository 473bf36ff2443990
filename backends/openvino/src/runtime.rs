//! The process's one OpenVINO: loaded once, kept for good.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use drivetrain_contract::{Error, GroupShare, Result};

use crate::{
    compiled::Compiled,
    error::INSTALL,
    native::{Core, Library},
};

static LOADED: Mutex<Loaded> = Mutex::new(Loaded { path: None, runtime: None });

/// A loaded OpenVINO and its core object.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// What the library says its version is.
    pub(crate) version: String,
    /// The engine.
    pub(crate) core: Core,
    /// Models that groups of sessions share.
    pub(crate) shared: GroupShare<Compiled>,
}

/// `path` is set as soon as `openvino-sys` is bound to a library, also if creating the core fails after that.
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
        let library = Library::load(&path)?;
        let unusable = format!("`{}` cannot be used", path.display());
        loaded.path = Some(path);
        let core = Core::new(&library).map_err(|failure| {
            Error::dependency(unusable)
                .with_source(failure)
                .with_hint(format!("its folder must hold what it was installed with; {INSTALL}"))
        })?;
        let runtime: &'static Self =
            Box::leak(Box::new(Self { version: library.version, core, shared: GroupShare::new() }));
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
        Error::dependency(format!("there is no OpenVINO at `{}`", path.display())).with_source(err).with_hint(INSTALL)
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

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn paths_that_are_no_file_are_refused_before_loading() {
        let folder = tempfile::tempdir().unwrap();
        let kind = |path: &Path| Runtime::load(path).unwrap_err().kind();
        assert_eq!(kind(Path::new("libopenvino_c.so")), ErrorKind::Invalid);
        assert_eq!(kind(folder.path()), ErrorKind::Dependency);
        assert_eq!(kind(&folder.path().join("missing.so")), ErrorKind::Dependency);
    }
}
