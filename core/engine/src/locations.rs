//! Where things are kept: data, caches, plugins.

use std::{
    env,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_host::{Origin, SearchPath};
use etcetera::BaseStrategy;

/// The folder's name below the platform's data and cache folders, and below a prefix's `lib`.
const NAME: &str = "drivetrain";

/// Folders a program keeps its things in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    data: PathBuf,
    cache: PathBuf,
    plugin_path: Vec<PathBuf>,
    executable: Option<PathBuf>,
    system_plugins: bool,
}

impl Locations {
    /// These folders and no others; they are created when something is put into them.
    pub fn new(data: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        // What is no path at all is refused where it is first used.
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let (data, cache) = (absolute(data.into()), absolute(cache.into()));
        Self { data, cache, plugin_path: Vec::new(), executable: None, system_plugins: false }
    }

    /// What the environment says: `DRIVETRAIN_HOME` or the platform's data folder, `DRIVETRAIN_CACHE` or its cache
    /// folder, the plugin folders in `DRIVETRAIN_PLUGIN_PATH`, and the place of the executable.
    ///
    /// The library looks at the environment here, in [`crate::ProfileSources::from_environment`] and in
    /// [`crate::hub_from_environment`] only.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] where there is no home folder and the variables are not set.
    pub fn from_environment() -> Result<Self> {
        let platform = || {
            etcetera::base_strategy::choose_native_strategy().map_err(|err| {
                Error::not_found("no home folder to keep data in")
                    .with_hint("set DRIVETRAIN_HOME and DRIVETRAIN_CACHE")
                    .with_source(err)
            })
        };
        let data =
            named("DRIVETRAIN_HOME").map_or_else(|| Ok(platform()?.data_dir().join(NAME)), |path| absolute(&path))?;
        let cache =
            named("DRIVETRAIN_CACHE").map_or_else(|| Ok(platform()?.cache_dir().join(NAME)), |path| absolute(&path))?;
        let plugin_path = env::var_os("DRIVETRAIN_PLUGIN_PATH")
            .map(|path| env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        let executable = env::current_exe().ok().and_then(|file| file.canonicalize().ok());
        Ok(Self { data, cache, plugin_path, executable, system_plugins: true })
    }

    /// The data folder: `runtimes/`, `plugins/`, `models/`.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Installed models, one folder each.
    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    /// The cache folder; everything in it can be made again.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where plugins are looked for, in order, with `named` folders first.
    pub fn plugin_search(&self, named: &[PathBuf]) -> SearchPath {
        let mut search = SearchPath::default();
        named.iter().for_each(|folder| search.push(Origin::Explicit, folder));
        self.plugin_path.iter().for_each(|folder| search.push(Origin::Environment, folder));
        if let Some(folder) = self.executable.as_deref().and_then(Path::parent) {
            search.push(Origin::Executable, folder.join("plugins"));
            if let Some(prefix) = folder.parent() {
                search.push(Origin::Executable, prefix.join("lib").join(NAME).join("plugins"));
            }
        }
        search.push(Origin::User, self.data.join("plugins"));
        if self.system_plugins {
            system_folders().into_iter().for_each(|folder| search.push(Origin::System, folder));
        }
        search
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|err| Error::io(format!("`{}` is no path", path.display())).with_source(err))
}

#[cfg(unix)]
fn system_folders() -> Vec<PathBuf> {
    ["/usr/local/lib", "/usr/lib"].map(|lib| Path::new(lib).join(NAME).join("plugins")).into()
}

#[cfg(not(unix))]
fn system_folders() -> Vec<PathBuf> {
    Vec::new()
}
