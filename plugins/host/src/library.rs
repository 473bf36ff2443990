//! Shared libraries: opened by absolute path, bound at once, private, never closed.

use std::{mem::ManuallyDrop, path::Path};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_abi::{DtEntryV1, ENTRY_SYMBOL};

/// A library that stays loaded for the life of the process.
#[derive(Debug)]
pub(crate) struct Library(ManuallyDrop<imp::Library>);

impl Library {
    /// Loads a library and runs its initialisers.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Dependency`] with the loader's own words.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if !path.is_absolute() {
            return Err(Error::invalid(format!("`{}` is not an absolute path", path.display())));
        }
        // Windows finds nothing by a path with a slash in it; this makes them backslashes there.
        let path = &std::path::absolute(path).map_err(|err| Error::io("no current folder").with_source(err))?;
        imp::open(path)
            .map(|library| Self(ManuallyDrop::new(library)))
            .map_err(|err| Error::dependency(format!("`{}` cannot be loaded", path.display())).with_source(err))
    }

    /// The plugin entry, if the library has one.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Abi`] without it.
    pub(crate) fn entry(&self, path: &Path) -> Result<DtEntryV1> {
        // SAFETY: by the rules of the interface a symbol of this name has this type.
        unsafe { self.0.get::<DtEntryV1>(ENTRY_SYMBOL.to_bytes_with_nul()) }.map(|symbol| *symbol).map_err(|_| {
            Error::new(
                drivetrain_contract::ErrorKind::Abi,
                format!("`{}` is not a drivetrain plugin: it has no symbol `{}`", path.display(), entry_name()),
            )
            .with_hint("export it with `drivetrain_plugin::export_backend!` or the C header")
        })
    }
}

fn entry_name() -> &'static str {
    ENTRY_SYMBOL.to_str().unwrap_or("drivetrain_plugin_v1")
}

#[cfg(unix)]
mod imp {
    use std::path::Path;

    pub(super) use libloading::os::unix::Library;
    use libloading::os::unix::{RTLD_LOCAL, RTLD_NOW};

    /// Binds at once, so that a missing symbol is an error here and not a crash later, and privately, so that engines
    /// which export tens of thousands of symbols do not bind each other's.
    pub(super) fn open(path: &Path) -> Result<Library, libloading::Error> {
        // SAFETY: initialisers run on the user's word that this is a library to load; it is never closed.
        unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
    }
}

#[cfg(windows)]
mod imp {
    use std::path::Path;

    pub(super) use libloading::os::windows::Library;
    use libloading::os::windows::{LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR};

    /// Dependencies come from the library's own folder and the system, never from the current folder.
    pub(super) fn open(path: &Path) -> Result<Library, libloading::Error> {
        // SAFETY: as on unix.
        unsafe { Library::load_with_flags(path, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS) }
    }
}
