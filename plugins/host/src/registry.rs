//! Every plugin there is: linked or found, usable, shadowed or refused.

use std::path::{Path, PathBuf};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_abi::{DtEntryV1, LinkedPlugin, linked_plugins};
use drivetrain_runtimes::Installed;
use serde_json::{Map, Value};

use crate::{
    backend::PluginBackend,
    library::Library,
    manifest::Manifest,
    native::{name_library, other_versions, preload, resolve_native},
    search::{Origin, SearchPath, plugin_folders},
};

/// The plugins of one program, in the order they were found.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

/// One plugin.
#[derive(Debug)]
pub struct Entry {
    /// Its id; the folder's name where the manifest could not be read.
    pub id: String,
    /// Where it was found.
    pub origin: Origin,
    /// Its folder; `None` for a linked backend.
    pub folder: Option<PathBuf>,
    /// What its manifest says, if it could be read.
    pub manifest: Option<Manifest>,
    /// Whether it can be opened.
    pub state: State,
    code: Code,
}

/// Whether a plugin can be opened.
#[derive(Debug)]
pub enum State {
    /// As far as can be told without loading it.
    Usable,
    /// A plugin of the same id was found before it.
    Shadowed,
    /// It cannot, and why.
    Refused(Error),
}

#[derive(Clone, Debug)]
enum Code {
    Linked(DtEntryV1),
    File(PathBuf),
}

/// How to open a plugin.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The user's table `[backends.<id>]`.
    pub config: Map<String, Value>,
    /// The data folder, where native libraries are installed.
    pub data_dir: PathBuf,
}

impl Registry {
    /// Looks everywhere once. Nothing is loaded.
    pub fn discover(search: &SearchPath) -> Self {
        let mut registry = Self::default();
        registry.add_folders(search.before_linked());
        let mut linked: Vec<&LinkedPlugin> = linked_plugins().collect();
        // The order of registration is up to the linker; by manifest it is the same in every run.
        linked.sort_by_key(|plugin| plugin.manifest);
        linked.into_iter().for_each(|plugin| registry.add_linked(plugin));
        registry.add_folders(search.after_linked());
        registry
    }

    /// Every plugin found.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The plugin of this id that would be opened.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] with the ids there are, or why the only one of this id was refused.
    pub fn get(&self, id: &str) -> Result<&Entry> {
        let of_id = || self.entries.iter().filter(|entry| entry.id == id);
        if let Some(entry) = of_id().find(|entry| matches!(entry.state, State::Usable)) {
            return Ok(entry);
        }
        if let Some(refusal) = of_id().find_map(Entry::refusal) {
            return Err(refusal);
        }
        let mut known: Vec<&str> = self.usable().map(|entry| entry.id.as_str()).collect();
        known.sort_unstable();
        Err(Error::not_found(format!("no backend `{id}`"))
            .with_hint(format!("there are: {}; see `drivetrain plugins list`", known.join(", "))))
    }

    /// The plugins that would be opened, one of each id.
    pub fn usable(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| matches!(entry.state, State::Usable))
    }

    fn add_folders<'a>(&mut self, folders: impl Iterator<Item = (Origin, &'a Path)>) {
        for (origin, folder) in folders {
            for folder in plugin_folders(folder) {
                let manifest = Manifest::read(&folder.join("plugin.toml"));
                self.add_file(origin, folder, manifest);
            }
        }
    }

    fn add_file(&mut self, origin: Origin, folder: PathBuf, manifest: Result<Manifest>) {
        let (id, manifest, file, refusal) = match manifest {
            Ok(manifest) => {
                let file = folder.join(manifest.library_file());
                let missing = (!file.is_file())
                    .then(|| Error::not_found(format!("its library `{}` does not exist", file.display())));
                (manifest.id.clone(), Some(manifest), file, missing)
            }
            Err(err) => {
                let id = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                (id, None, PathBuf::new(), Some(err))
            }
        };
        let state = self.state_of(&id, refusal);
        self.entries.push(Entry { id, origin, folder: Some(folder), manifest, state, code: Code::File(file) });
    }

    fn add_linked(&mut self, plugin: &LinkedPlugin) {
        match Manifest::parse(plugin.manifest, "linked plugin.toml") {
            Ok(manifest) => {
                let (id, code) = (manifest.id.clone(), Code::Linked(plugin.entry));
                let state = self.state_of(&id, None);
                let manifest = Some(manifest);
                self.entries.push(Entry { id, origin: Origin::Linked, folder: None, manifest, state, code });
            }
            Err(err) => log::error!("a linked backend has a broken manifest: {}", err.to_text()),
        }
    }

    fn state_of(&self, id: &str, refusal: Option<Error>) -> State {
        match refusal {
            Some(err) => State::Refused(err),
            None if self.usable().any(|entry| entry.id == id) => State::Shadowed,
            None => State::Usable,
        }
    }
}

impl Entry {
    /// Loads the plugin and what it needs, and opens it.
    ///
    /// # Errors
    /// Why it was refused, if it was; [`drivetrain_contract::ErrorKind::Unsupported`] if another one shadows it;
    /// [`drivetrain_contract::ErrorKind::Dependency`] for a native library, [`drivetrain_contract::ErrorKind::Abi`] for
    /// a plugin that does not follow the interface, and what the plugin itself says.
    pub fn open(&self, options: OpenOptions) -> Result<PluginBackend> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        if matches!(self.state, State::Shadowed) {
            return Err(Error::unsupported(format!("{} is shadowed by one that was found before it", self.label()))
                .with_hint("name its folder in the profile's `plugins` to have it found first"));
        }
        let OpenOptions { mut config, data_dir } = options;
        if let Some(manifest) = &self.manifest {
            let libraries = resolve_native(manifest, &mut config, &data_dir)?;
            libraries.iter().for_each(|library| log::debug!("{} loads `{}`", self.label(), library.display()));
            preload(manifest, &libraries)?;
        }
        let config = Value::Object(config).to_string();
        match &self.code {
            Code::Linked(entry) => PluginBackend::open(*entry, &self.id, &config, None),
            Code::File(file) => {
                let entry = Library::open(file)?.entry(file)?;
                PluginBackend::open(entry, &self.id, &config, Some(file.clone()))
            }
        }
    }

    /// The installed versions of its native library that it could use with these settings, beside the one it would load
    /// by itself. None where the settings name the library, or it needs several.
    pub fn other_versions(&self, config: &Map<String, Value>, data_dir: &Path) -> Vec<Installed> {
        self.manifest.as_ref().map_or_else(Vec::new, |manifest| other_versions(manifest, config, data_dir))
    }

    /// Names the native library in the settings, where it needs just one.
    pub fn name_library(&self, config: &mut Map<String, Value>, library: &Path) {
        if let Some(manifest) = &self.manifest {
            name_library(manifest, config, library);
        }
    }

    /// Why it was refused, if it was.
    fn refusal(&self) -> Option<Error> {
        let State::Refused(why) = &self.state else { return None };
        Some(Error::new(why.kind(), format!("{} was refused: {}", self.label(), why.to_text())))
    }

    /// What a message calls it.
    fn label(&self) -> String {
        match &self.folder {
            Some(folder) => format!("plugin `{}` in `{}`", self.id, folder.display()),
            None => format!("plugin `{}`", self.id),
        }
    }
}
