//! The models that are installed in a folder, by name or by organisation and name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Error, Result};

use crate::{hub::Staging, locate};

/// A model in the folder of installed ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// What it is called: `NAME` or `ORG/NAME`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
}

/// The models below `models_dir`, sorted by name. A folder that holds folders only is an organisation's.
pub fn installed(models_dir: &Path) -> Vec<Installed> {
    let mut models = Vec::new();
    for (name, folder) in folders(models_dir) {
        if holds_files(&folder) {
            models.push(Installed { name, folder });
        } else {
            let of_organisation = folders(&folder).into_iter();
            models.extend(of_organisation.map(|(inner, folder)| Installed { name: format!("{name}/{inner}"), folder }));
        }
    }
    models.sort();
    models
}

/// Removes an installed model, whoever put it there: its folder goes in one step.
///
/// A name that is a link loses the link only.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] when there is none of that name, with those that are there;
/// [`drivetrain_contract::ErrorKind::Io`] when the folder cannot be removed.
pub fn remove(name: &str, models_dir: &Path) -> Result<()> {
    // Looking the name up in the list is what keeps `..` and absolute paths from being removed.
    match installed(models_dir).into_iter().find(|model| model.name == name) {
        Some(model) => Staging::new(models_dir)?.discard(&model.folder),
        None => Err(Error::not_found(format!("no model `{name}` is installed in `{}`", models_dir.display()))
            .with_hint(locate::hint(models_dir))),
    }
}

/// Names and paths of the folders in a folder, without hidden ones.
fn folders(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let named = folders.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

fn holds_files(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| entry.path().is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for model in ["minilm", "org/one", "org/two@v1", ".tmp-x/new"] {
            fs::create_dir_all(dir.path().join(model)).unwrap();
            fs::write(dir.path().join(model).join("config.json"), "{}").unwrap();
        }
        fs::write(dir.path().join("stray"), "").unwrap();
        dir
    }

    fn names(dir: &Path) -> Vec<String> {
        installed(dir).into_iter().map(|model| model.name).collect()
    }

    #[test]
    fn models_are_listed_and_removed_by_name() {
        let dir = models();
        assert_eq!(names(dir.path()), ["minilm", "org/one", "org/two@v1"]);
        assert!(installed(&dir.path().join("absent")).is_empty());
        remove("org/one", dir.path()).unwrap();
        remove("minilm", dir.path()).unwrap();
        assert_eq!(names(dir.path()), ["org/two@v1"]);
        remove("org/two@v1", dir.path()).unwrap();
        assert!(!dir.path().join("org").exists());
    }

    #[test]
    fn nothing_but_installed_models_is_removed() {
        let dir = models();
        let inside = dir.path().join("org");
        for name in ["", ".", "..", "org", "stray", "../org/one", ".tmp-x", "org/../minilm", "/", "absent"] {
            let err = remove(name, dir.path()).unwrap_err();
            assert!(err.hint().unwrap().contains("org/one"), "{err}");
        }
        assert!(remove("../minilm", &inside).is_err());
        assert!(remove(dir.path().to_str().unwrap(), &inside).is_err());
        assert_eq!(names(dir.path()).len(), 3);
    }

    #[cfg(unix)]
    #[test]
    fn of_a_linked_model_only_the_link_goes() {
        let (dir, elsewhere) = (models(), models());
        std::os::unix::fs::symlink(elsewhere.path().join("minilm"), dir.path().join("linked")).unwrap();
        remove("linked", dir.path()).unwrap();
        assert!(elsewhere.path().join("minilm/config.json").is_file());
        assert_eq!(names(dir.path()), ["minilm", "org/one", "org/two@v1"]);
    }
}
