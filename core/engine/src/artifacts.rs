//! Artifacts a package lacks: made once, beside it or in the cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use drivetrain_contract::{Artifact, ArtifactData, Call, Model, Precision, Result, format};
use drivetrain_convert::onnx::{ExportOptions, export};
use drivetrain_package::{ArtifactFile, Package};
use sha2::{Digest, Sha256};

use crate::{Event, Locations, choose::WEIGHTS};

/// What can stop an artifact from being made, and who is told about it.
pub(crate) struct Watch<'a> {
    pub(crate) call: &'a dyn Call,
    pub(crate) observe: &'a mut dyn FnMut(Event<'_>),
}

/// The ecosystem's name for an exported graph.
const ONNX_FILE: &str = "onnx/model.onnx";

/// The package as a backend sees it, with the graph it needs made first if the package has none.
///
/// # Errors
/// What the export fails with.
pub(crate) fn model_for(
    package: &Package,
    (backend_formats, precision): (&[String], Precision),
    locations: &Locations,
    watch: &mut Watch<'_>,
) -> Result<Model> {
    let mut model = package.model();
    model.artifacts.extend(cached(package, locations));
    let reads = |name: &str| backend_formats.iter().any(|format| format == name);
    let ready = model.artifacts.iter().any(|artifact| reads(&artifact.format) && serves(artifact, precision));
    let weights = model.artifacts.iter().any(|artifact| WEIGHTS.contains(&&*artifact.format));
    if ready && reads(format::ONNX) {
        warn_if_stale(&model);
    }
    if !ready && weights && reads(format::ONNX) && precision != Precision::Int8 {
        let (path, precision) = (onnx_file(package, locations, watch)?, Precision::F32);
        let artifact = Artifact { format: format::ONNX.to_owned(), precision, data: ArtifactData::Path(path) };
        model.artifacts.insert(0, artifact);
    }
    Ok(model)
}

/// Whether an artifact can be run in a precision: weights in f32 are turned into half precision by engines that compute
/// in it; those that do not, or take the file's, say so when a session is created.
fn serves(artifact: &Artifact, precision: Precision) -> bool {
    let turned = artifact.precision == Precision::F32 && matches!(precision, Precision::Bf16 | Precision::F16);
    artifact.precision == precision || turned
}

fn onnx_file(package: &Package, locations: &Locations, watch: &mut Watch<'_>) -> Result<PathBuf> {
    let Watch { call, observe } = watch;
    let target = artifact_folder(package, locations).join(ONNX_FILE);
    observe(Event::Converting { model: package.name(), target: &target });
    export(package, &target, &ExportOptions::default(), &mut |progress| {
        let (written_bytes, total_bytes) = (progress.written_bytes, progress.total_bytes);
        observe(Event::ConvertProgress { written_bytes, total_bytes });
        call.check()
    })?;
    observe(Event::Converted { target: &target });
    Ok(target)
}

/// Where artifacts of a package go, under the names the ecosystem gives them: its own folder or, where that cannot be
/// written, one in the cache folder.
pub fn artifact_folder(package: &Package, locations: &Locations) -> PathBuf {
    match package.files().dir() {
        Some(folder) if can_write(folder) => folder.to_owned(),
        _ => cache_folder(package, locations),
    }
}

fn cache_folder(package: &Package, locations: &Locations) -> PathBuf {
    locations.cache().join("models").join(cache_key(package))
}

/// Artifacts that were made in the cache folder.
pub(crate) fn cached(package: &Package, locations: &Locations) -> Vec<Artifact> {
    let folder = cache_folder(package, locations);
    let artifact = |file: ArtifactFile| Artifact {
        format: file.format.to_owned(),
        precision: file.precision,
        data: ArtifactData::Path(folder.join(file.path)),
    };
    ArtifactFile::graphs_in(&folder).into_iter().map(artifact).collect()
}

/// The same as files, each with its length in bytes.
pub(crate) fn cached_files(package: &Package, locations: &Locations) -> Vec<(ArtifactFile, u64)> {
    let folder = cache_folder(package, locations);
    let bytes = |file: &ArtifactFile| fs::metadata(folder.join(&file.path)).map_or(0, |facts| facts.len());
    ArtifactFile::graphs_in(&folder).into_iter().map(|file| (file.clone(), bytes(&file))).collect()
}

/// Whether files can be made in a folder: permissions do not tell (read-only mounts, the superuser), trying does.
fn can_write(folder: &Path) -> bool {
    tempfile::Builder::new().prefix(".drivetrain-").tempfile_in(folder).is_ok()
}

/// Bytes of the package's largest file, which is what a session of it holds at least.
pub(crate) fn weight_bytes(package: &Package) -> u64 {
    let of = |artifact: &Artifact| match &artifact.data {
        ArtifactData::Path(path) => fs::metadata(path).map_or(0, |facts| facts.len()),
        data => data.bytes().map_or(0, |bytes| bytes.len() as u64),
    };
    package.model().artifacts.iter().map(of).max().unwrap_or(0)
}

/// Another folder for another model: by place, and by length and age of its files, so that a changed model is
/// converted again.
fn cache_key(package: &Package) -> String {
    let mut digest = Sha256::new();
    if let Some(folder) = package.files().dir() {
        digest.update(folder.as_os_str().as_encoded_bytes());
        add_files(&mut digest, folder, FOLDER_DEPTH);
    }
    let hash: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let name: String = package
        .name()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' })
        .collect();
    format!("{}-{hash}", name.trim_start_matches('.'))
}

/// Modules of a package have a folder each, and nothing of theirs lies deeper.
const FOLDER_DEPTH: u32 = 2;

/// Adds name, length and age of every file that a graph is made from.
fn add_files(digest: &mut Sha256, folder: &Path, depth: u32) {
    let Ok(entries) = folder.read_dir() else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        // Links are followed: hub caches hold nothing else.
        let Ok(facts) = fs::metadata(&path) else { continue };
        let made_of_others = ["onnx", "openvino"].iter().any(|name| path.ends_with(name));
        if facts.is_dir() && depth > 0 && !made_of_others {
            add_files(digest, &path, depth - 1);
        } else if facts.is_file() {
            let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update(facts.len().to_le_bytes());
            digest.update(changed.map_or(0, |age| age.as_nanos()).to_le_bytes());
        }
    }
}

/// Says so when a graph beside the model is older than the weights it should have been made from.
fn warn_if_stale(model: &Model) {
    let (graph, weights) = (changed(model, format::ONNX), WEIGHTS.iter().find_map(|format| changed(model, format)));
    if let (Some((graph, made)), Some((weights, changed))) = (graph, weights)
        && made < changed
    {
        log::warn!(
            "`{}` is older than `{}`: if the weights have changed, make it again with `drivetrain convert`",
            graph.display(),
            weights.display()
        );
    }
}

/// The first file of a format, and when it was last changed.
fn changed<'m>(model: &'m Model, name: &str) -> Option<(&'m Path, SystemTime)> {
    match &model.artifact(name)?.data {
        ArtifactData::Path(path) => Some((path, fs::metadata(path).ok()?.modified().ok()?)),
        _ => None,
    }
}
