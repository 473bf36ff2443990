//! One source of settings.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use crate::profile::{
    Origin,
    assignment::{Assignment, parse},
    file::{parse_file, read_file, read_regular_file},
    inherits::{self, Document},
    settings::{BACKENDS, Model, Plugins, Setting},
    shipped::Shipped,
    side::split,
    typed,
};

/// The default profile, which is part of the program.
pub(crate) const DEFAULT_TOML: &str = include_str!("../../../../configs/default.toml");

/// How the name of a model of the hub begins, which is fetched when it is not there.
const HUB_PREFIX: &str = "hf:";

/// Settings of one source, in the order they were made; those it inherits come before its own.
#[derive(Clone, Debug, Default)]
pub struct Layer {
    pub(crate) assignments: Vec<Assignment>,
}

impl Layer {
    /// The default profile.
    ///
    /// # Panics
    /// Never: a test reads the embedded file.
    pub fn defaults() -> Self {
        let assignments = parse(DEFAULT_TOML, "default.toml", |_| Origin::Default);
        Self { assignments: assignments.expect("the embedded default profile is valid, which a test checks") }
    }

    /// A profile that is part of the program, by its name: `latency`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] with the nearest name.
    pub fn shipped(name: &str) -> Result<Self> {
        let shipped = Shipped::named(name)?;
        Self::resolved(Document::Shipped(shipped), shipped.parse()?)
    }

    /// A profile file the user named.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it, or a file it inherits, cannot be read,
    /// [`drivetrain_contract::ErrorKind::Invalid`] with the line when it is not TOML.
    pub fn file(path: &Path) -> Result<Self> {
        Self::resolved(Document::File(path.to_path_buf()), parse_file(path, &read_file(path)?)?)
    }

    /// A profile file that is always read because of its place.
    ///
    /// # Errors
    /// As [`Layer::file`], and [`drivetrain_contract::ErrorKind::Invalid`] when it is no regular file.
    pub fn standing_file(path: &Path) -> Result<Self> {
        Self::resolved(Document::File(path.to_path_buf()), parse_file(path, &read_regular_file(path)?)?)
    }

    /// A profile file that is read because somebody works in its folder, who need not know of it.
    ///
    /// Such a file comes with a repository, so it may not set what makes a program load code, write files or download
    /// them: the folders of plugins, anything of a backend, of whose settings only the backend knows what they do, and a
    /// model of the hub.
    ///
    /// # Errors
    /// As [`Layer::standing_file`], and [`drivetrain_contract::ErrorKind::Invalid`] for such a setting, also where it
    /// is inherited from another file.
    pub fn project_file(path: &Path) -> Result<Self> {
        let layer = Self::standing_file(path)?;
        let risky = |assignment: &&Assignment| {
            let from_hub = || assignment.value.as_str().is_some_and(|model| model.starts_with(HUB_PREFIX));
            let key = split(&assignment.key).1.first().map_or("", String::as_str);
            matches!(assignment.origin, Origin::File { .. })
                && ([Plugins::KEY, BACKENDS].contains(&key) || (key == Model::KEY && from_hub()))
        };
        match layer.assignments.iter().find(risky) {
            Some(assignment) => {
                let (origin, key) = (&assignment.origin, assignment.dotted());
                Err(Error::invalid(format!(
                    "{origin}: `{key}` must not be set by a project's profile that nobody named"
                ))
                .with_hint(format!(
                    "it could make the program load code or download files; if you trust it, add `-c {}`, else `--no-config`",
                    path.display()
                )))
            }
            None => Ok(layer),
        }
    }

    /// The text of a profile, as a program that uses the library holds it.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with the line when it is not TOML.
    pub fn text(text: &str) -> Result<Self> {
        Self::resolved(Document::Text, parse(text, "profile", |_| Origin::Program)?)
    }

    /// One setting typed as `KEY=VALUE`. The value is TOML; a text that is not TOML is itself.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when it is none.
    pub fn typed(text: &str) -> Result<Self> {
        Self::resolved(Document::Text, vec![typed::key_and_value(text, Origin::Set)?])
    }

    /// Adds one setting, as a command-line flag makes it. Tables and key are joined: `pipeline.window`,
    /// `query.pipeline.window`.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, origin: Origin) {
        let key = key.split('.').map(str::to_owned).collect();
        self.assignments.push(Assignment { key, value: value.into(), origin });
    }

    pub(crate) fn resolved(document: Document, assignments: Vec<Assignment>) -> Result<Self> {
        Ok(Self { assignments: inherits::resolve(document, assignments)? })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::profile::Profile;

    fn check_project(text: &str, refused: Option<&str>) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("drivetrain.toml");
        fs::write(&path, text).unwrap();
        fs::write(folder.path().join("parent.toml"), "[backends.e]\nlibrary = \"/x.so\"").unwrap();
        let outcome = Layer::project_file(&path);
        match refused {
            None => assert!(Profile::build(&[outcome.unwrap()]).is_ok(), "{text:?}"),
            Some(key) => {
                let message = outcome.unwrap_err().to_string();
                assert!(message.contains(&format!("`{key}` must not be set")), "{message}");
                assert!(message.contains(&format!("add `-c {}`", path.display())), "{message}");
                assert!(Profile::build(&[Layer::file(&path).unwrap()]).is_ok(), "named, it may: {text:?}");
            }
        }
    }

    #[test]
    fn a_projects_profile_cannot_make_the_program_load_code() {
        check_project("model = \"m\"\nthreads = 1\n[pipeline]\nwindow = 5", None);
        check_project("inherits = \"latency\"", None);
        check_project("plugins = [\"/x\"]", Some("plugins"));
        check_project("[backends.onnxruntime]\nlibrary = \"/x.so\"", Some("backends.onnxruntime.library"));
        check_project("[query.backends.e]\nlibrary = \"/x.so\"", Some("query.backends.e.library"));
        check_project("[query]\nthreads = 1\n[plan]\nfrozen = true", None);
        check_project("[backends.e]\noptimized_model_path = \"/x\"", Some("backends.e.optimized_model_path"));
        check_project("inherits = \"parent.toml\"", Some("backends.e.library"));
    }

    #[test]
    fn a_standing_profile_is_a_file() {
        let folder = TempDir::new().unwrap();
        let message = Layer::standing_file(folder.path()).unwrap_err().to_string();
        assert!(message.contains("is no file"), "{message}");
    }
}
