//! Finding the package that a user named.

use std::path::{Component, Path, PathBuf};

use drivetrain_contract::{Error, Result};

use crate::installed::installed;

/// Finds the package a user named: a directory, or an alias installed under `models_dir`, which is a name or, for models
/// of the hub, an organisation and a name.
///
/// A directory wins over an alias of the same name.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] that says what was looked for and lists the installed aliases;
/// [`drivetrain_contract::ErrorKind::Invalid`] for an empty name or a file.
pub fn locate(name: &str, models_dir: &Path) -> Result<PathBuf> {
    if name.is_empty() {
        return Err(Error::invalid("the name of the model is empty"));
    }
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    if is_alias(path) {
        let installed = models_dir.join(name);
        if installed.is_dir() {
            return Ok(installed);
        }
    }
    if path.exists() {
        return Err(Error::invalid(format!("`{name}` is a file, not the directory of a model")));
    }
    let message = if is_alias(path) {
        format!("no model `{name}`: neither a directory nor installed in `{}`", models_dir.display())
    } else {
        format!("no model `{name}`: there is no such directory")
    };
    Err(Error::not_found(message).with_hint(hint(models_dir)))
}

/// Whether a name can be that of one installed model: nothing that leads elsewhere.
fn is_alias(path: &Path) -> bool {
    let parts: Vec<Component<'_>> = path.components().collect();
    parts.len() <= 2 && parts.iter().all(|part| matches!(part, Component::Normal(_)))
}

/// What could have been meant.
pub(crate) fn hint(models_dir: &Path) -> String {
    let names: Vec<String> = installed(models_dir).into_iter().map(|model| model.name).collect();
    if names.is_empty() {
        return "give the path of a model's directory; no models are installed".to_owned();
    }
    format!("give the path of a model's directory, or an installed model: `{}`", names.join("`, `"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use drivetrain_contract::ErrorKind;

    use super::*;

    #[test]
    fn paths_and_aliases_are_found_and_misses_list_what_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let models = dir.path().join("models");
        for name in ["all-MiniLM-L6-v2", "org/name@v1"] {
            fs::create_dir_all(models.join(name)).unwrap();
            fs::write(models.join(name).join("config.json"), "{}").unwrap();
        }
        fs::create_dir_all(models.join(".partial")).unwrap();
        let file = dir.path().join("model.onnx");
        fs::write(&file, "x").unwrap();

        assert_eq!(locate("all-MiniLM-L6-v2", &models).unwrap(), models.join("all-MiniLM-L6-v2"));
        assert_eq!(locate("org/name@v1", &models).unwrap(), models.join("org/name@v1"));
        assert_eq!(locate(models.to_str().unwrap(), Path::new("absent")).unwrap(), models);
        let err = locate("all-minilm", &models).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound);
        assert!(err.hint().unwrap().ends_with("installed model: `all-MiniLM-L6-v2`, `org/name@v1`"), "{err}");
        assert!(locate("x", Path::new("absent")).unwrap_err().hint().unwrap().contains("no models are installed"));
        assert_eq!(locate(file.to_str().unwrap(), &models).unwrap_err().kind(), ErrorKind::Invalid);
        for name in ["", "../models/absent", "/absent", "a\0b"] {
            assert!(locate(name, &models).is_err(), "{name:?}");
        }
        assert!(locate("../models", &models.join("all-MiniLM-L6-v2")).is_err());
    }
}
