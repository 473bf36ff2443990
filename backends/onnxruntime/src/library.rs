//! The one unsafe module: loads a shared library and asks it which ONNX Runtime it is, before `ort` relies on it.

use std::{
    ffi::{CStr, c_char},
    path::Path,
};

use drivetrain_contract::{Error, Result};
use libloading::Library;

use crate::error::INSTALL;

/// The oldest API version this crate uses: that of ONNX Runtime 1.17.
pub(crate) const API_VERSION: u32 = ort::MINOR_VERSION;

/// `OrtApiBase` of `onnxruntime_c_api.h`, unchanged since ONNX Runtime 1.0.
#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "system" fn(version: u32) -> *const std::ffi::c_void,
    get_version_string: unsafe extern "system" fn() -> *const c_char,
}

type GetApiBase = unsafe extern "C" fn() -> *const ApiBase;

/// Version of the ONNX Runtime in the file at `path`, loaded and checked to offer [`API_VERSION`].
///
/// The library stays loaded, also when it is refused: what its initialisers started could not survive unloading.
pub(crate) fn load(path: &Path) -> Result<String> {
    let shown = path.display();
    // SAFETY: loading runs the file's initialisers. The host or the user named this file as their ONNX Runtime, and
    // running a file means trusting it.
    let library = unsafe { Library::new(path) }.map_err(|err| {
        Error::dependency(format!("`{shown}` is not a usable library")).with_source(err).with_hint(INSTALL)
    })?;
    let library: &'static Library = Box::leak(Box::new(library));
    let not_onnxruntime =
        |what: &str| Error::dependency(format!("`{shown}` is not ONNX Runtime: {what}")).with_hint(INSTALL);
    // SAFETY: the header declares the symbol with this signature.
    let get_api_base = unsafe { library.get::<GetApiBase>(b"OrtGetApiBase\0") }
        .map_err(|err| not_onnxruntime("it has no `OrtGetApiBase`").with_source(err))?;
    // SAFETY: the function takes nothing and may be called at any time.
    let base = unsafe { get_api_base() };
    // SAFETY: the header promises a pointer to a static table; null is caught.
    let base = unsafe { base.as_ref() }.ok_or_else(|| not_onnxruntime("it has no API"))?;
    // SAFETY: the table's functions may be called at any time.
    let version = unsafe { (base.get_version_string)() };
    if version.is_null() {
        return Err(not_onnxruntime("it has no version"));
    }
    // SAFETY: the header promises a null-terminated string that lives as long as the library, which is never unloaded.
    let version = unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned();
    check_version(path, &version)?;
    // SAFETY: the table's functions may be called at any time.
    if unsafe { (base.get_api)(API_VERSION) }.is_null() {
        return Err(not_onnxruntime(&format!("version {version} does not offer API version {API_VERSION}")));
    }
    Ok(version)
}

/// Fails for a version whose API is too old, without calling anything in the library.
fn check_version(path: &Path, version: &str) -> Result<()> {
    let parts = numbers(version);
    match parts {
        Some((major, minor)) if (major, minor) >= (1, API_VERSION) => Ok(()),
        _ => Err(Error::dependency(format!(
            "`{}` is ONNX Runtime {version}, needed is 1.{API_VERSION}.0 or later",
            path.display()
        ))
        .with_hint(INSTALL)),
    }
}

/// Major and minor number of a version such as `1.28.0`.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        let good = |version| check_version(Path::new("x.so"), version).is_ok();
        assert!(good("1.17.0") && good("1.28.0") && good("1.100.3") && good("2.0.0"));
        assert!(!good("1.16.3") && !good("1.9.0") && !good("0.99.0") && !good("") && !good("git"));
        let err = check_version(Path::new("x.so"), "1.14.0").unwrap_err();
        assert!(err.to_text().contains("`x.so` is ONNX Runtime 1.14.0, needed is 1.17.0"), "{}", err.to_text());
    }

    #[test]
    fn what_is_no_library_is_a_dependency_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        for content in [&b""[..], b"not a library", b"\x7fELF", &[0x7f; 4096]] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(load(&path).unwrap_err().kind(), ErrorKind::Dependency);
        }
    }
}
