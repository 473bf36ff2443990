//! Native libraries a plugin needs: found, checked, and loaded before the plugin is.

use std::path::{Path, PathBuf};

use drivetrain_contract::{Error, Result};
use drivetrain_runtimes::{Installed, Requirement, Version, check, find, find_all};
use serde_json::{Map, Value};

use crate::{
    library::Library,
    manifest::{Manifest, NativeLibrary},
};

/// Finds every native library of a plugin and writes its absolute path into the settings, under the key the manifest
/// names, where the user named no file.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Dependency`] for one that is missing, too old, too new or not a library, with the
/// command that mends it.
pub fn resolve_native(manifest: &Manifest, config: &mut Map<String, Value>, data_dir: &Path) -> Result<Vec<PathBuf>> {
    manifest.native.iter().map(|native| resolve(manifest, native, config, data_dir)).collect()
}

/// Loads them in order, privately. The plugin opens the same files by the same paths, or was linked with libraries of
/// their names, and gets the same libraries.
pub(crate) fn preload(manifest: &Manifest, libraries: &[PathBuf]) -> Result<()> {
    for (native, path) in manifest.native.iter().zip(libraries) {
        Library::open(path)?;
        // A name, not a path: what is loaded comes from the folder of a library that was checked.
        let beside =
            native.with.iter().filter(|name| !name.contains(['/', '\\'])).map(|name| path.with_file_name(name));
        for path in beside.filter(|path| path.is_file()) {
            if let Err(err) = Library::open(&path) {
                log::warn!("{}: what needs it is left out", err.to_text());
            }
        }
    }
    Ok(())
}

pub(crate) fn resolve(
    manifest: &Manifest,
    native: &NativeLibrary,
    config: &mut Map<String, Value>,
    data_dir: &Path,
) -> Result<PathBuf> {
    let requirement = requirement(manifest, native)?;
    let named = match config.get(&native.config_key) {
        None => None,
        Some(Value::String(path)) => Some(PathBuf::from(path)),
        Some(other) => {
            return Err(Error::invalid(format!(
                "`backends.{}.{}` must be the path of a library, not `{other}`",
                manifest.id, native.config_key
            )));
        }
    };
    let path = match named {
        Some(path) if path.is_relative() => {
            return Err(Error::invalid(format!(
                "`backends.{}.{}` must be an absolute path, not `{}`",
                manifest.id,
                native.config_key,
                path.display()
            )));
        }
        Some(path) => path,
        None => find(&requirement, data_dir)?,
    };
    check(&path, &requirement)?;
    let text = path
        .to_str()
        .ok_or_else(|| Error::invalid(format!("path `{}` is not UTF-8, which plugins need", path.display())))?;
    config.insert(native.config_key.clone(), Value::String(text.to_owned()));
    Ok(path)
}

/// The installed versions of a plugin's native library that it could use beside the one that opening it would load. None
/// where the user names the file, or the plugin needs several libraries.
pub(crate) fn other_versions(manifest: &Manifest, config: &Map<String, Value>, data_dir: &Path) -> Vec<Installed> {
    let [native] = &manifest.native[..] else { return Vec::new() };
    if config.contains_key(&native.config_key) {
        return Vec::new();
    }
    // What is wrong with the manifest or the folder is said by opening the plugin.
    let requirement = requirement(manifest, native).ok();
    let installed = requirement.and_then(|requirement| find_all(&requirement, data_dir).ok()).unwrap_or_default();
    let mut seen: Vec<Version> = installed.iter().take(1).map(|best| best.version).collect();
    let mut is_new = |version: Version| {
        !seen.contains(&version) && {
            seen.push(version);
            true
        }
    };
    // A path that is not UTF-8 cannot be a setting.
    let others = installed.into_iter().filter(|installed| is_new(installed.version));
    others.filter(|installed| installed.library.to_str().is_some()).collect()
}

/// Writes the file of a plugin's only native library into the settings, as a user would who names it.
pub(crate) fn name_library(manifest: &Manifest, config: &mut Map<String, Value>, library: &Path) {
    if let ([native], Some(path)) = (&manifest.native[..], library.to_str()) {
        config.insert(native.config_key.clone(), Value::String(path.to_owned()));
    }
}

pub(crate) fn requirement(manifest: &Manifest, native: &NativeLibrary) -> Result<Requirement> {
    let version = |text: &str| {
        text.parse::<Version>().map_err(|err| {
            Error::invalid(format!("the manifest of plugin `{}` names version `{text}`", manifest.id)).with_source(err)
        })
    };
    let mut requirement = Requirement::new(&native.id).at_least(version(&native.min)?);
    if let Some(below) = &native.below {
        requirement = requirement.below(version(below)?);
    }
    if let Some(install) = &native.install {
        requirement.install.clone_from(install);
    }
    requirement.variants.clone_from(&native.variants);
    requirement.must_tell_version = native.must_tell_version;
    Ok(requirement)
}
