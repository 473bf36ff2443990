//! Loads the C library and asks it which OpenVINO it is, before `openvino-sys` relies on it.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    path::Path,
};

use drivetrain_contract::{Error, Result};
use libloading::Library as SharedLibrary;
use openvino_sys::{ov_compiled_model_t, ov_core_t, ov_model_t, ov_status_e, ov_version_t};

use crate::error::INSTALL;

/// First version that suits: before it, types of elements have other numbers.
pub(crate) const MIN: (u32, u32) = (2025, 1);

/// First version that is not known to suit: the declarations of `openvino-sys` are those of the one before.
pub(crate) const BELOW: (u32, u32) = (2026, 5);

type GetVersion = unsafe extern "C" fn(version: *mut ov_version_t) -> c_int;

/// Compiles a file with `property_args_size` texts after the others, in turn key and value.
pub(super) type CompileFile = unsafe extern "C" fn(
    core: *const ov_core_t,
    path: *const c_char,
    device: *const c_char,
    property_args_size: usize,
    compiled: *mut *mut ov_compiled_model_t,
    ...
) -> ov_status_e;

/// The same for a model that was read.
pub(super) type CompileModel = unsafe extern "C" fn(
    core: *const ov_core_t,
    model: *const ov_model_t,
    device: *const c_char,
    property_args_size: usize,
    compiled: *mut *mut ov_compiled_model_t,
    ...
) -> ov_status_e;

/// How the library takes properties for one compilation.
///
/// `openvino-sys` does not pass on arguments of variable number, so these functions are found here.
#[derive(Clone, Copy, Debug)]
pub(super) enum Compile {
    /// In an array: since 2026.
    Array,
    /// As arguments of variable number.
    Variadic { file: CompileFile, model: CompileModel },
}

/// The loaded library.
#[derive(Debug)]
pub(crate) struct Library {
    /// What it says its version is, without the number of the build.
    pub(crate) version: String,
    pub(super) compile: Compile,
}

impl Library {
    /// Loads the library at `path`, checks its version, and hands it to `openvino-sys`.
    ///
    /// It stays loaded, also when it is refused: what its initialisers started could not survive unloading.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let shown = path.display();
        let library = open(path).map_err(|err| {
            Error::dependency(format!("`{shown}` is not a usable library")).with_source(err).with_hint(INSTALL)
        })?;
        let library: &'static SharedLibrary = Box::leak(Box::new(library));
        let not_openvino =
            |what: &str| Error::dependency(format!("`{shown}` is not OpenVINO: {what}")).with_hint(INSTALL);
        // SAFETY: the header declares the symbol with this signature; the status is an `int` in C.
        let get_version = unsafe { library.get::<GetVersion>(b"ov_get_openvino_version\0") }
            .map_err(|err| not_openvino("it has no `ov_get_openvino_version`").with_source(err))?;
        let mut version = ov_version_t { buildNumber: std::ptr::null(), description: std::ptr::null() };
        // SAFETY: the function fills the struct it is given.
        let status = unsafe { get_version(&raw mut version) };
        if status != 0 || version.buildNumber.is_null() {
            return Err(not_openvino("it does not tell its version"));
        }
        // SAFETY: the function succeeded, so this is a null-terminated text. It is not freed: it is read once.
        let build = unsafe { CStr::from_ptr(version.buildNumber) }.to_string_lossy().into_owned();
        check_version(path, &build)?;
        let compile = Compile::of(library).map_err(|err| not_openvino("it cannot compile models").with_source(err))?;
        openvino_sys::library::load_from(path).map_err(|err| not_openvino("it lacks functions").with_source(err))?;
        Ok(Self { version: build.split('-').next().unwrap_or_default().to_owned(), compile })
    }
}

/// Binds at once and privately. The library's folder is where its own dependencies are.
fn open(path: &Path) -> Result<SharedLibrary, libloading::Error> {
    #[cfg(unix)]
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    #[cfg(windows)]
    use libloading::os::windows::{LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, Library};
    // SAFETY: loading runs the file's initialisers. The host or the user named this file as their OpenVINO, and
    // running a file means trusting it.
    #[cfg(unix)]
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    // SAFETY: as above.
    #[cfg(windows)]
    let library =
        unsafe { Library::load_with_flags(path, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS) };
    library.map(SharedLibrary::from)
}

impl Compile {
    fn of(library: &'static SharedLibrary) -> Result<Self, libloading::Error> {
        let has = |name: &[u8]| {
            // SAFETY: only the presence of the symbol is asked; any address is a `*const c_void`.
            unsafe { library.get::<*const c_void>(name) }.is_ok()
        };
        if has(b"ov_core_compile_model_props\0") && has(b"ov_core_compile_model_from_file_props\0") {
            return Ok(Self::Array);
        }
        // SAFETY: the header declares the symbol with this signature.
        let file = *unsafe { library.get::<CompileFile>(b"ov_core_compile_model_from_file\0") }?;
        // SAFETY: the header declares the symbol with this signature.
        let model = *unsafe { library.get::<CompileModel>(b"ov_core_compile_model\0") }?;
        Ok(Self::Variadic { file, model })
    }
}

/// Fails for a version that is too old, too new, or none, without calling anything else in the library.
fn check_version(path: &Path, build: &str) -> Result<()> {
    match numbers(build) {
        Some(version) if version >= MIN && version < BELOW => Ok(()),
        _ => Err(Error::dependency(format!(
            "`{}` is OpenVINO {build}, needed is {}.{} or newer and older than {}.{}",
            path.display(),
            MIN.0,
            MIN.1,
            BELOW.0,
            BELOW.1
        ))
        .with_hint(INSTALL)),
    }
}

/// Year and release of a build such as `2026.4.1-22982-ab12cd34`.
fn numbers(build: &str) -> Option<(u32, u32)> {
    let mut parts = build.split(['.', '-']).map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(year)), Some(Ok(release))) => Some((year, release)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let good = |build| check_version(Path::new("x.so"), build).is_ok();
        assert!(good("2025.1.0-18503-6fec06580ab-releases/2025/1") && good("2026.4.1-22982") && good("2025.10.0"));
        assert!(!good("2024.6.0-17404") && !good("2025.0.0") && !good("2026.5.0") && !good("2027.0.0"));
        assert!(!good("") && !good("custom_main_abc") && !good("2026"));
        let text = check_version(Path::new("x.so"), "2024.6.0-17404").unwrap_err().to_text();
        assert!(text.contains("`x.so` is OpenVINO 2024.6.0-17404, needed is 2025.1 or newer"), "{text}");
    }

    #[test]
    fn what_is_no_library_is_a_dependency_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libopenvino_c.so");
        for content in [&b""[..], b"not a library", b"\x7fELF", &[0x7f; 4096]] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(Library::load(&path).unwrap_err().kind(), ErrorKind::Dependency);
        }
    }
}
