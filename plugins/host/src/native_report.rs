//! What is known of a plugin's native libraries without loading them, good or bad.

use std::path::{Path, PathBuf};

use drivetrain_contract::Error;
use drivetrain_runtimes::{find, inspect};
use serde_json::{Map, Value};

use crate::{
    manifest::{Manifest, NativeLibrary},
    native::{requirement, resolve},
};

/// A native library that a plugin needs, as it was found.
#[derive(Debug)]
pub struct NativeReport {
    /// Name of the runtime in the data folder.
    pub id: String,
    /// The versions that will do: `1.17.0 or newer`.
    pub needed: String,
    /// The command that installs it.
    pub install: String,
    /// Whether the user named the file.
    pub is_named: bool,
    /// The file that would be loaded; `None` where there is none.
    pub path: Option<PathBuf>,
    /// Its version, where one can be known.
    pub version: Option<String>,
    /// Why it cannot be loaded.
    pub problem: Option<Error>,
}

/// Looks for every native library of a plugin as opening it would, and says what comes of it.
pub fn report_native(manifest: &Manifest, config: &Map<String, Value>, data_dir: &Path) -> Vec<NativeReport> {
    manifest.native.iter().map(|native| report(manifest, native, config, data_dir)).collect()
}

fn report(manifest: &Manifest, native: &NativeLibrary, config: &Map<String, Value>, data_dir: &Path) -> NativeReport {
    let named = config.get(&native.config_key).and_then(Value::as_str).map(PathBuf::from);
    let requirement = requirement(manifest, native).ok();
    let (path, problem) = match resolve(manifest, native, &mut config.clone(), data_dir) {
        Ok(path) => (Some(path), None),
        Err(problem) => {
            let installed = || find(requirement.as_ref()?, data_dir).ok();
            (named.clone().or_else(installed), Some(problem))
        }
    };
    let version = path.as_deref().and_then(|path| inspect(path).ok()?.version).map(|version| version.to_string());
    NativeReport {
        id: native.id.clone(),
        needed: requirement.as_ref().map_or_else(String::new, ToString::to_string),
        install: requirement.map_or_else(String::new, |requirement| requirement.install),
        is_named: named.is_some(),
        path,
        version,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    const MANIFEST: &str = r#"
        manifest = 1
        id = "engine"
        version = "0.1.0"
        abi = { min = 1, max = 1 }
        library = "drivetrain_engine"
        [[native]]
        id = "engine"
        config_key = "library"
        min = "1.2"
        below = "3.0"
    "#;

    fn report(config: Value) -> (NativeReport, tempfile::TempDir) {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("text.so"), "no library").unwrap();
        let config = match config {
            Value::String(name) => json!({ "library": data.path().join(name) }),
            other => other,
        };
        let mut reports = report_native(&manifest, config.as_object().unwrap(), data.path());
        (reports.remove(0), data)
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_needed() {
        let (missing, _data) = report(json!({}));
        assert_eq!(missing.needed, "1.2.0 or newer and older than 3.0.0");
        assert_eq!((missing.install.as_str(), missing.is_named), ("drivetrain runtimes install engine", false));
        assert_eq!((missing.path, missing.version), (None, None));
        assert!(missing.problem.unwrap().message().contains("`engine` is not installed"));
    }

    #[test]
    fn a_file_that_is_named_is_told_whether_or_not_it_will_do() {
        let (text, data) = report(json!("text.so"));
        assert_eq!((text.path, text.is_named), (Some(data.path().join("text.so")), true));
        assert!(text.problem.unwrap().message().contains("it is a text file"));
        let (none, data) = report(json!("none.so"));
        assert_eq!(none.path, Some(data.path().join("none.so")));
        assert!(none.problem.is_some());
        let (number, _data) = report(json!({ "library": 7 }));
        assert!(number.path.is_none() && number.problem.is_some());
    }
}
