//! What a revision holds: its commit and its files.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Call, Error, Result};
use serde::Deserialize;

use super::{
    client::Client,
    digest::Digest,
    failure::{Asked, Failure},
    model_name::HubModel,
    names::{escape, is_commit, is_inside},
    patience::Retries,
    settings::HubSettings,
};

/// Longest answer that is read, in bytes: some hundred thousand files.
const MAX_ANSWER: u64 = 64 << 20;

/// Deepest folder of a cached model that is looked into, and most files of one.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 100_000;

/// A commit and its files by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The model's name on the hub.
    pub(crate) id: String,
    pub(crate) commit: String,
    pub(crate) files: BTreeMap<String, Remote>,
}

/// What is known of a file before it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) size: Option<u64>,
    pub(crate) digest: Option<Digest>,
}

/// The part of `/api/models/…/revision/…?blobs=true` that matters here.
#[derive(Deserialize)]
struct Reply {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

/// A file that git holds only a pointer to.
#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Listing {
    /// Asks the hub.
    pub(crate) fn ask(client: &Client<'_>, model: &HubModel, settings: &HubSettings, call: &dyn Call) -> Result<Self> {
        let asked = Asked {
            endpoint: client.endpoint(),
            id: model.id(),
            revision: model.revision(),
            file: None,
            has_token: settings.token.is_some(),
        };
        let (id, revision) = (model.id(), escape(model.revision()));
        let url = format!("{}/api/models/{id}/revision/{revision}?blobs=true", client.endpoint());
        let mut retries = Retries::new(&settings.patience);
        loop {
            match attempt(client, &url, &asked) {
                Ok(bytes) => return Self::parse(&bytes, model),
                Err(failure) => retries.wait(failure, call)?,
            }
        }
    }

    fn parse(bytes: &[u8], model: &HubModel) -> Result<Self> {
        let bad = |what: &str| Error::model(format!("the hub's answer about `{}` {what}", model.id()));
        let hint = "is HF_ENDPOINT the address of a hub?";
        if bytes.len() as u64 > MAX_ANSWER {
            return Err(bad(&format!("is longer than {MAX_ANSWER} bytes")));
        }
        let reply: Reply = serde_json::from_slice(bytes)
            .map_err(|err| bad("is not the JSON it should be").with_hint(hint).with_source(err))?;
        if !is_commit(&reply.sha) {
            return Err(bad("names no commit").with_hint(hint));
        }
        let mut files = BTreeMap::new();
        for sibling in reply.siblings {
            if !is_inside(&sibling.rfilename) {
                log::warn!("`{}` has a file with an unusable name, left out: {:?}", model.id(), sibling.rfilename);
                continue;
            }
            let remote = sibling.remote();
            files.insert(sibling.rfilename, remote);
        }
        Ok(Self { id: model.id().to_owned(), commit: reply.sha, files })
    }

    /// What a folder of the hub's cache holds: the snapshot of a commit.
    pub(crate) fn of_snapshot(snapshot: &Path, model: &HubModel, commit: &str) -> Self {
        let mut files = BTreeMap::new();
        walk(snapshot, "", 0, &mut files);
        Self { id: model.id().to_owned(), commit: commit.to_owned(), files }
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }
}

impl Sibling {
    fn remote(&self) -> Remote {
        match &self.lfs {
            Some(lfs) => Remote {
                size: lfs.size.or(self.size),
                digest: lfs.sha256.as_deref().and_then(Digest::from_hex).filter(|d| matches!(d, Digest::Sha256(_))),
            },
            None => Remote { size: self.size, digest: self.blob_id.as_deref().and_then(Digest::from_hex) },
        }
    }
}

fn attempt(client: &Client<'_>, url: &str, asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let answer = client.get(url, 0, asked)?;
    let mut bytes = Vec::new();
    match answer.body.take(MAX_ANSWER + 1).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(err) => Err(Failure::passing(client.silent(url).with_source(err))),
    }
}

fn walk(folder: &Path, rel: &str, depth: usize, files: &mut BTreeMap<String, Remote>) {
    if depth > MAX_DEPTH {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        let rel = crate::json::join(rel, &name);
        // The files are links into the folder of contents; this follows them.
        let Ok(facts) = fs::metadata(&path) else { continue };
        if facts.is_dir() {
            walk(&path, &rel, depth + 1, files);
        } else if facts.is_file() && is_inside(&rel) && files.len() < MAX_FILES {
            files.insert(rel, Remote { size: Some(facts.len()), digest: digest_of_link(&path) });
        }
    }
}

/// The cache calls contents by their checksum.
fn digest_of_link(path: &Path) -> Option<Digest> {
    let target: PathBuf = fs::read_link(path).ok()?;
    Digest::from_hex(target.file_name()?.to_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Listing> {
        Listing::parse(text.as_bytes(), &"a/b".parse().unwrap())
    }

    #[test]
    fn an_answer_becomes_a_list() {
        let (commit, sha256, git) = ("0a".repeat(20), "1b".repeat(32), "2c".repeat(20));
        let listing = parse(&format!(
            r#"{{"sha": "{commit}", "private": false, "siblings": [
                {{"rfilename": "config.json", "size": 3, "blobId": "{git}"}},
                {{"rfilename": "model.safetensors", "size": 9, "blobId": "{git}", "lfs": {{"sha256": "{sha256}",
                  "size": 9, "pointerSize": 135}}}},
                {{"rfilename": "bare"}},
                {{"rfilename": "../../outside"}}, {{"rfilename": "/etc/passwd"}}, {{"rfilename": "a\\b"}}]}}"#
        ))
        .unwrap();
        assert_eq!(listing.commit, commit);
        assert_eq!(listing.files.keys().collect::<Vec<_>>(), ["bare", "config.json", "model.safetensors"]);
        assert_eq!(listing.files["config.json"], Remote { size: Some(3), digest: Some(Digest::GitSha1(git)) });
        assert_eq!(listing.files["model.safetensors"].digest, Some(Digest::Sha256(sha256)));
        assert_eq!(listing.files["bare"], Remote::default());
    }

    #[test]
    fn other_answers_are_errors() {
        let nested = "[".repeat(100_000);
        for text in ["", "{", "<html>", "[]", "{}", r#"{"sha": "../..", "siblings": []}"#, r#"{"sha": 1}"#, &nested] {
            assert!(parse(text).is_err(), "{text:.40}");
        }
    }
}
