//! What a plugin needs of a native library, and whether a file meets it.

use std::{fmt, path::Path};

use drivetrain_contract::{Error, Result};

use crate::{LibraryFacts, Version, catalogue::own_library_hint, inspect::inspect};

/// A library in a range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Id of the runtime: the folder's name, and the backend's in the profile.
    pub id: String,
    /// The oldest version that will do.
    pub min: Option<Version>,
    /// The first version that no longer will.
    pub below: Option<Version>,
    /// The command that installs it.
    pub install: String,
    /// Runtimes that hold the same library and more, preferred to it where they are installed.
    pub variants: Vec<String>,
    /// Whether a library that does not tell its version is refused.
    pub must_tell_version: bool,
}

impl Requirement {
    /// Any version, installed by `drivetrain runtimes install <id>`.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let install = format!("drivetrain runtimes install {id}");
        Self { id, min: None, below: None, install, variants: Vec::new(), must_tell_version: false }
    }

    /// The same with an oldest version.
    #[must_use]
    pub fn at_least(mut self, min: Version) -> Self {
        self.min = Some(min);
        self
    }

    /// The same with a first version that is too new.
    #[must_use]
    pub fn below(mut self, below: Version) -> Self {
        self.below = Some(below);
        self
    }

    /// Whether a version is in the range.
    pub fn accepts(&self, version: Version) -> bool {
        self.min.is_none_or(|min| version >= min) && self.below.is_none_or(|below| version < below)
    }

    /// What a user can do about an unmet requirement.
    pub(crate) fn way_out(&self) -> String {
        format!("run `{}`, or {}", self.install, own_library_hint(&self.id))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.below) {
            (Some(min), Some(below)) => write!(f, "{min} or newer and older than {below}"),
            (Some(min), None) => write!(f, "{min} or newer"),
            (None, Some(below)) => write!(f, "older than {below}"),
            (None, None) => f.write_str("of any version"),
        }
    }
}

/// Checks, without loading it, that a file is a library for this machine in the required range of versions.
///
/// A library that does not tell its version passes, with [`LibraryFacts::version`] empty, unless
/// [`Requirement::must_tell_version`]: whoever loads it must then ask the library itself before using it.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Dependency`] naming the file, the version found, the version needed and the
/// command that fixes it.
pub fn check(path: &Path, requirement: &Requirement) -> Result<LibraryFacts> {
    let facts = inspect(path).map_err(|err| err.with_hint(requirement.way_out()))?;
    match facts.version {
        Some(version) if !requirement.accepts(version) => {
            let (path, id) = (path.display(), &requirement.id);
            let message = format!("`{path}` is version {version}, `{id}` {requirement} is needed");
            Err(Error::dependency(message).with_hint(requirement.way_out()))
        }
        None if requirement.must_tell_version => {
            let (path, id) = (path.display(), &requirement.id);
            let message = format!("`{path}` does not tell its version, `{id}` {requirement} is needed");
            Err(Error::dependency(message).with_hint(requirement.way_out()))
        }
        _ => Ok(facts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_has_a_first_and_a_last() {
        let range = Requirement::new("demo").at_least(Version::new(1, 17, 0)).below(Version::new(2, 0, 0));
        for (version, expect) in [((1, 16, 9), false), ((1, 17, 0), true), ((1, 99, 0), true), ((2, 0, 0), false)] {
            let version = Version::new(version.0, version.1, version.2);
            assert_eq!(range.accepts(version), expect, "{version}");
        }
        assert!(Requirement::new("demo").accepts(Version::new(0, 0, 0)));
    }

    #[test]
    fn a_file_that_will_not_do_comes_with_the_command_that_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, "I am a text file\n").unwrap();
        let err = check(&path, &Requirement::new("onnxruntime")).unwrap_err();
        assert_eq!(err.kind(), drivetrain_contract::ErrorKind::Dependency);
        assert!(err.message().contains("not a shared library"), "{err}");
        assert!(err.hint().unwrap().contains("drivetrain runtimes install onnxruntime"), "{err}");
    }
}
