//! Where plugins are looked for, and in which order.

use std::path::{Path, PathBuf};

/// Where a plugin was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Named in the profile or on the command line.
    Explicit,
    /// A folder of `DRIVETRAIN_PLUGIN_PATH`.
    Environment,
    /// Part of the program.
    Linked,
    /// Beside the executable.
    Executable,
    /// The user's data folder.
    User,
    /// The system's folder.
    System,
}

impl Origin {
    /// The name shown in tables.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Explicit => "named",
            Origin::Environment => "environment",
            Origin::Linked => "linked",
            Origin::Executable => "executable",
            Origin::User => "user",
            Origin::System => "system",
        }
    }
}

/// Folders to look in, each with its origin. A folder is a plugin (it holds a `plugin.toml`) or holds plugins.
///
/// Order: named folders, `DRIVETRAIN_PLUGIN_PATH`, linked backends, beside the executable, the user's data folder, the
/// system's folder. The first plugin of an id wins; later ones are shadowed. The current folder is never searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPath {
    folders: Vec<(Origin, PathBuf)>,
}

impl SearchPath {
    /// Adds a folder. A relative one is left out: what it means would depend on the current folder.
    pub fn push(&mut self, origin: Origin, folder: impl Into<PathBuf>) {
        let folder = folder.into();
        if folder.is_absolute() {
            self.folders.push((origin, folder));
        } else {
            log::warn!("plugin folder `{}` is not absolute and is not searched", folder.display());
        }
    }

    /// The folders that are searched before the linked backends.
    pub(crate) fn before_linked(&self) -> impl Iterator<Item = (Origin, &Path)> {
        self.of(|origin| matches!(origin, Origin::Explicit | Origin::Environment))
    }

    /// The folders that are searched after them.
    pub(crate) fn after_linked(&self) -> impl Iterator<Item = (Origin, &Path)> {
        self.of(|origin| !matches!(origin, Origin::Explicit | Origin::Environment))
    }

    fn of(&self, wanted: impl Fn(Origin) -> bool) -> impl Iterator<Item = (Origin, &Path)> {
        self.folders
            .iter()
            .filter(move |(origin, _)| wanted(*origin))
            .map(|(origin, folder)| (*origin, folder.as_path()))
    }
}

/// The plugin folders in `folder`, by name; `folder` itself when it is one.
pub(crate) fn plugin_folders(folder: &Path) -> Vec<PathBuf> {
    if folder.join("plugin.toml").is_file() {
        return vec![folder.to_path_buf()];
    }
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.join("plugin.toml").is_file()).collect();
    found.sort();
    found
}
