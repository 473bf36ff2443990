//! What a model's files hold, and what texts were learned from, as hashes.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use drivetrain_contract::{Call, Error, Result};
use sha2::{Digest, Sha256};

use crate::calibrate::Samples;

/// Modules of a package have a folder each, and nothing of theirs lies deeper.
const FOLDER_DEPTH: u32 = 2;

/// Folders with artifacts that are made from the others.
const MADE: [&str; 3] = ["onnx", "openvino", "torchscript"];

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// SHA-256 of everything in a model's folder that an artifact is made from: configurations, tokenizer and weights, by
/// name and contents, wherever the folder lies.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Io`] for a file that cannot be read, and what the call says.
pub(super) fn source_sha256(folder: &Path, call: &dyn Call) -> Result<String> {
    let mut files = Vec::new();
    collect(folder, FOLDER_DEPTH, &mut files);
    let mut named: Vec<(String, PathBuf)> = files.into_iter().map(|path| (inner_name(folder, &path), path)).collect();
    named.sort();
    let total: u64 = named.iter().filter_map(|(_, path)| Some(fs::metadata(path).ok()?.len())).sum();
    let (mut digest, mut done, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    for (name, path) in &named {
        let unreadable = |err| Error::io(format!("failed to read `{}`", path.display())).with_source(err);
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name);
        digest.update(length.to_le_bytes());
        loop {
            call.check()?;
            let count = file.read(&mut piece).map_err(unreadable)?;
            if count == 0 {
                break;
            }
            digest.update(&piece[..count]);
            done += count as u64;
            call.progress((done * 1000 / total.max(1)).min(1000) as u32, "reading the model");
        }
    }
    Ok(hex(digest))
}

/// SHA-256 of tokens.
pub(super) fn samples_sha256(samples: &Samples) -> String {
    let mut digest = Sha256::new();
    digest.update(samples.pad_id().to_le_bytes());
    for text in samples.texts() {
        digest.update((text.len() as u64).to_le_bytes());
        text.iter().for_each(|id| digest.update(id.to_le_bytes()));
    }
    hex(digest)
}

fn collect(folder: &Path, depth: u32, files: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        // Links are followed: hub caches hold nothing else.
        let Ok(facts) = fs::metadata(&path) else { continue };
        if facts.is_dir() && depth > 0 && !name.starts_with('.') && !MADE.contains(&&*name) {
            collect(&path, depth - 1, files);
        } else if facts.is_file() && is_source(&name) {
            files.push(path);
        }
    }
}

fn is_source(name: &str) -> bool {
    let is_weights = name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin"));
    is_weights || (name.ends_with(".json") && name != drivetrain_package::hub::RECORD_FILE)
}

/// The path in the folder, alike on every system.
fn inner_name(folder: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::NoCall;

    use super::*;

    fn model() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("1_Pooling")).unwrap();
        fs::create_dir_all(folder.path().join("onnx")).unwrap();
        for (name, text) in
            [("config.json", "{}"), ("model.safetensors", "weights"), ("1_Pooling/config.json", "{\"cls\": 1}")]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_hash_is_of_what_a_graph_is_made_from() {
        let (model, other) = (model(), model());
        let hash = || source_sha256(model.path(), &NoCall).unwrap();
        let first = hash();
        assert_eq!(source_sha256(other.path(), &NoCall).unwrap(), first, "wherever it lies");
        for name in ["README.md", "drivetrain.json", "onnx/model.onnx", "onnx/config.json"] {
            fs::write(model.path().join(name), "x").unwrap();
        }
        assert_eq!(hash(), first, "whatever else is there");
        let mut seen = vec![first];
        for (name, text) in [
            ("config.json", "{ }"),
            ("1_Pooling/config.json", "{\"cls\": 2}"),
            ("model.safetensors", "Weights"),
            ("tokenizer.json", ""),
        ] {
            fs::write(model.path().join(name), text).unwrap();
            assert!(!seen.contains(&hash()), "{name}");
            seen.push(hash());
        }
    }

    #[test]
    fn samples_differ_by_their_tokens_and_where_they_end() {
        let hash = |texts: &[&[u32]]| {
            samples_sha256(&Samples::new(texts.iter().map(|text| text.to_vec()).collect(), 0).unwrap())
        };
        assert_eq!(hash(&[&[1, 2], &[3]]), hash(&[&[1, 2], &[3]]));
        assert_ne!(hash(&[&[1, 2], &[3]]), hash(&[&[1], &[2, 3]]));
    }
}
