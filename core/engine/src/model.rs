//! From the name of a model to its package.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Package, locate};

use crate::{Locations, builtin};

/// The name of the model that is part of the program.
const BUILTIN: &str = "builtin";

/// Opens the model a user named: `builtin`, a path, or the name of one in the data folder.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] when there is none of that name,
/// [`drivetrain_contract::ErrorKind::Model`] when its files are broken.
pub fn open_package(name: &str, locations: &Locations) -> Result<Package> {
    if name == BUILTIN {
        return builtin::package();
    }
    let folder = locate(name, &locations.models())?;
    Package::open(&absolute(&folder)?)
}

/// Plugins are given absolute paths only.
fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    std::path::absolute(path).map_err(|err| Error::io(format!("`{}` is no path", path.display())).with_source(err))
}
