//! What the fake hub says: list of files, small files, and where large ones are.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Asked, MODEL, State};

/// An answer before anything goes wrong with it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Lines that each end in `\r\n`.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: &str, body: Vec<u8>) -> Self {
        Self { status, headers: headers.to_owned(), body }
    }

    fn refusal(status: u16, code: &str) -> Self {
        Self::new(status, &format!("X-Error-Code: {code}\r\n"), Vec::new())
    }
}

/// Answers a request; `store` is the address of the server for large files.
pub(super) fn answer(asked: &Asked, state: &State, store: &str, ignores_range: bool) -> Answer {
    let path = asked.target.split('?').next().unwrap_or_default();
    let range = if ignores_range { None } else { asked.range.as_deref() };
    if asked.of_store {
        let hash = path.trim_start_matches('/');
        let contents = state.commits.values().flat_map(BTreeMap::values).find(|bytes| sha256(bytes) == hash);
        return contents.map_or_else(|| Answer::new(404, "", Vec::new()), |bytes| part_of(bytes, range, ""));
    }
    if let Some(token) = &state.token
        && asked.authorization != Some(format!("Bearer {token}"))
    {
        return Answer::refusal(if asked.authorization.is_some() { 403 } else { 401 }, "GatedRepo");
    }
    if let Some(revision) = path.strip_prefix(&format!("/api/models/{MODEL}/revision/")) {
        return list(&unescape(revision), state);
    }
    let file = path.strip_prefix(&format!("/{MODEL}/resolve/")).and_then(|rest| rest.split_once('/'));
    match file {
        Some((commit, file)) => resolve(commit, &unescape(file), state, &Place { store, range }),
        // Whoever shows no token is not told whether there is such a model.
        None => Answer::refusal(if asked.authorization.is_some() { 404 } else { 401 }, "RepoNotFound"),
    }
}

struct Place<'a> {
    store: &'a str,
    range: Option<&'a str>,
}

fn list(revision: &str, state: &State) -> Answer {
    let commit = state.revisions.get(revision).map_or(revision, String::as_str);
    let Some(files) = state.commits.get(commit) else { return Answer::refusal(404, "RevisionNotFound") };
    let siblings: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| match (state.without_checksums, is_large(path)) {
            (true, _) => json!({"rfilename": path}),
            (_, false) => json!({"rfilename": path, "size": bytes.len(), "blobId": git_sha1(bytes)}),
            (_, true) => json!({"rfilename": path, "size": bytes.len(), "blobId": git_sha1(b"pointer"),
                "lfs": {"sha256": sha256(bytes), "size": bytes.len(), "pointerSize": 7}}),
        })
        .collect();
    let reply = json!({"id": MODEL, "sha": commit, "private": false, "siblings": siblings});
    Answer::new(200, "Content-Type: application/json\r\n", reply.to_string().into_bytes())
}

fn resolve(commit: &str, file: &str, state: &State, place: &Place<'_>) -> Answer {
    let Some(bytes) = state.commits.get(commit).and_then(|files| files.get(file)) else {
        return Answer::refusal(404, "EntryNotFound");
    };
    if state.without_checksums {
        return part_of(bytes, place.range, "");
    }
    if !is_large(file) {
        return part_of(bytes, place.range, &format!("ETag: \"{}\"\r\n", git_sha1(bytes)));
    }
    let (hash, size) = (sha256(bytes), bytes.len());
    let location = format!("{}/{hash}?signature=a%2Fb", place.store);
    let facts = format!("ETag: \"{}\"\r\nX-Linked-ETag: \"{hash}\"\r\nX-Linked-Size: {size}\r\n", git_sha1(b"pointer"));
    Answer::new(302, &format!("Location: {location}\r\n{facts}"), Vec::new())
}

/// The whole, or from where a range begins.
fn part_of(bytes: &[u8], range: Option<&str>, headers: &str) -> Answer {
    let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let total = bytes.len();
    match start {
        None => Answer::new(200, headers, bytes.to_vec()),
        Some(start) if start >= total => Answer::new(416, &format!("Content-Range: bytes */{total}\r\n"), Vec::new()),
        Some(start) => {
            let range = format!("Content-Range: bytes {start}-{}/{total}\r\n{headers}", total - 1);
            Answer::new(206, &range, bytes[start..].to_vec())
        }
    }
}

/// Kept outside git, as the hub's own rules say for weights.
fn is_large(path: &str) -> bool {
    [".safetensors", ".onnx", ".onnx_data"].iter().any(|ending| path.ends_with(ending))
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn git_sha1(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        let (byte, tail) = match (byte, code) {
            (b'%', Some(code)) => (code, &tail[2..]),
            _ => (byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
