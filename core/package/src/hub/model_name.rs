//! What a user calls a model of the hub: `hf:ORG/NAME@REVISION`.

use std::{fmt, str::FromStr};

use drivetrain_contract::{Error, Result};

use super::names::{escape, is_inside};

/// What stands before a model that is on the hub.
const PREFIX: &str = "hf:";

/// The branch that is meant when none is named.
const DEFAULT_REVISION: &str = "main";

/// Longest part of a name, as the hub has it (`validate_repo_id` in huggingface_hub).
const MAX_PART: usize = 96;

/// A model on the hub: `ORG/NAME`, or `NAME` for the oldest ones, and which revision of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubModel {
    id: String,
    revision: Option<String>,
}

impl HubModel {
    /// Whether a name says that the model is on the hub: it begins with `hf:`.
    pub fn is_meant(name: &str) -> bool {
        name.starts_with(PREFIX)
    }

    /// Its name on the hub. It holds nothing that would have to be escaped in an address or a path.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Branch, tag or commit; `main` where none was named.
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or(DEFAULT_REVISION)
    }

    /// The same model in another revision.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for what cannot be the name of a revision.
    pub fn at(mut self, revision: &str) -> Result<Self> {
        check_revision(revision)?;
        self.revision = Some(revision.to_owned());
        Ok(self)
    }

    /// Whether a revision was named.
    pub fn is_pinned(&self) -> bool {
        self.revision.is_some()
    }

    /// What it is called once it is installed: `ORG/NAME`, or `ORG/NAME@REVISION` if a revision was named, so that
    /// several can be there.
    pub fn alias(&self) -> String {
        match &self.revision {
            Some(revision) => format!("{}@{}", self.id, escape(revision)),
            None => self.id.clone(),
        }
    }

    /// The same as the name of one folder.
    pub(crate) fn folder(&self) -> String {
        // As in the hub's own cache; a name of the hub has no `--` in it.
        self.id.replace('/', "--")
    }
}

impl FromStr for HubModel {
    type Err = Error;

    /// Reads `ORG/NAME` or `ORG/NAME@REVISION`, with or without `hf:` before it.
    fn from_str(text: &str) -> Result<Self> {
        let name = text.strip_prefix(PREFIX).unwrap_or(text);
        let (id, revision) = match name.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (name, None),
        };
        let parts: Vec<&str> = id.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_part(part)) {
            return Err(Error::invalid(format!("`{text}` is not the name of a model on the hub"))
                .with_hint("such names are `ORG/NAME` or `ORG/NAME@REVISION`"));
        }
        let model = Self { id: id.to_owned(), revision: None };
        revision.map_or(Ok(model.clone()), |revision| model.at(revision))
    }
}

impl fmt::Display for HubModel {
    /// `hf:ORG/NAME`, and `@REVISION` if one was named.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.id)?;
        self.revision.as_ref().map_or(Ok(()), |revision| write!(f, "@{revision}"))
    }
}

/// The rules of `validate_repo_id` in huggingface_hub.
fn is_part(part: &str) -> bool {
    (1..=MAX_PART).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && !part.starts_with(['-', '.'])
        && !part.ends_with(['-', '.'])
        && !part.contains("--")
        && !part.contains("..")
        && !part.ends_with(".git")
}

/// The rules of `git check-ref-format`, roughly: it becomes part of an address and of a path.
fn check_revision(revision: &str) -> Result<()> {
    let is_ref = is_inside(revision)
        && revision.len() <= 200
        && !revision.starts_with('-')
        && !revision.contains("..")
        && !revision.contains(['~', '^', '?', '*', '[', '@', ' ']);
    if is_ref {
        return Ok(());
    }
    Err(Error::invalid(format!("`{revision}` is not the name of a revision"))
        .with_hint("name a branch, a tag or a commit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, id, revision, alias, shown) in [
            ("hf:a/b", "a/b", "main", "a/b", "hf:a/b"),
            ("a/b@v1.0", "a/b", "v1.0", "a/b@v1.0", "hf:a/b@v1.0"),
            ("gpt2", "gpt2", "main", "gpt2", "hf:gpt2"),
            ("hf:a/B-c_d.e@refs/pr/1", "a/B-c_d.e", "refs/pr/1", "a/B-c_d.e@refs%2Fpr%2F1", "hf:a/B-c_d.e@refs/pr/1"),
        ] {
            let model: HubModel = text.parse().unwrap();
            assert_eq!((model.id(), model.revision()), (id, revision));
            assert_eq!((model.alias(), model.to_string()), (alias.to_owned(), shown.to_owned()));
        }
        assert!(HubModel::is_meant("hf:x") && !HubModel::is_meant("./hf:x"));
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        let long = format!("a/{}", "b".repeat(97));
        let bad =
            ["", "hf:", "/", "a/", "/a", "a/b/c", "../a", "a/..", "a/b c", "a/b%2F", "a/.git", "a/b.git", "a/b--c"];
        for text in bad.into_iter().chain(["a\\b", "a/b?x", "a/b#x", "hf:hf:a/b", "a/ü", "-a/b", &long]) {
            assert!(text.parse::<HubModel>().is_err(), "{text:?}");
        }
        let bad = ["", "..", "a/../b", "/a", "a/", "-x", "a b", "a\nb", "a@b", "a~1", "x:y"];
        for revision in bad {
            assert!(format!("a/b@{revision}").parse::<HubModel>().is_err(), "{revision:?}");
        }
    }
}
