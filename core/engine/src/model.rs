//! From the name of a model to its package.

use std::path::{Path, PathBuf};

use drivetrain_contract::{Call, Error, Result};
use drivetrain_package::{
    Package,
    hub::{HubModel, HubSettings, Progress, Pull, Record, find_installed, pull},
    locate,
};

use crate::{Event, Locations, builtin, hub_from_environment};

/// The name of the model that is part of the program.
const BUILTIN: &str = "builtin";

/// Opens the model a user named: `builtin`, a path, the name of one in the data folder, or `hf:ORG/NAME[@REVISION]` if
/// that is in the data folder. Nothing is fetched.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] when there is none of that name,
/// [`drivetrain_contract::ErrorKind::Model`] when its files are broken.
pub fn open_package(name: &str, locations: &Locations) -> Result<Package> {
    if name == BUILTIN {
        return builtin::package();
    }
    let folder = match HubModel::is_meant(name) {
        true => installed(&name.parse()?, locations)?,
        false => locate(name, &locations.models())?,
    };
    Package::open(&absolute(&folder)?)
}

/// How to get at a model that is not there yet.
#[derive(Clone, Copy)]
pub struct Fetch<'a> {
    /// Where models are kept.
    pub locations: &'a Locations,
    /// How the hub is reached; `None` is as the environment says.
    pub hub: Option<&'a HubSettings>,
    /// What can stop it.
    pub call: &'a dyn Call,
}

impl std::fmt::Debug for Fetch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch").field("locations", self.locations).field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// As [`open_package`], but a model named `hf:ORG/NAME[@REVISION]` is fetched if it is not in the data folder.
///
/// # Errors
/// As [`open_package`] and [`pull`].
pub fn fetch_package(name: &str, fetch: &Fetch<'_>, observe: &mut dyn FnMut(Event<'_>)) -> Result<Package> {
    if HubModel::is_meant(name) {
        let model: HubModel = name.parse()?;
        match find_installed(&model, &fetch.locations.models()) {
            Some(folder) => say_commit(&model, &folder),
            None => pull_for(&model, fetch, observe)?,
        }
    }
    open_package(name, fetch.locations)
}

fn say_commit(model: &HubModel, folder: &Path) {
    if let Ok(Some(record)) = Record::read(folder) {
        log::info!("`{model}` is commit {}, in `{}`", record.commit, folder.display());
    }
}

fn pull_for(model: &HubModel, fetch: &Fetch<'_>, observe: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    let from_environment;
    let settings = match fetch.hub {
        Some(settings) => settings,
        None => {
            from_environment = hub_from_environment();
            &from_environment
        }
    };
    let request = Pull {
        model,
        name: &model.alias(),
        models_dir: &fetch.locations.models(),
        cache_dir: fetch.locations.cache(),
        include: &[],
        settings,
    };
    let shown = model.to_string();
    let pulled = pull(&request, fetch.call, &mut |progress| {
        if let Progress::Fetching { file, bytes, total } = progress {
            observe(Event::Fetching { model: &shown, file, bytes, total });
        }
    })?;
    observe(Event::Fetched { model: &shown, commit: &pulled.record.commit, folder: &pulled.folder });
    Ok(())
}

fn installed(model: &HubModel, locations: &Locations) -> Result<PathBuf> {
    find_installed(model, &locations.models()).ok_or_else(|| {
        Error::not_found(format!("`{model}` is not in `{}`", locations.models().display()))
            .with_hint(format!("fetch it with `drivetrain models pull {}`", &model.to_string()["hf:".len()..]))
    })
}

/// Plugins are given absolute paths only.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|err| Error::io(format!("`{}` is no path", path.display())).with_source(err))
}
