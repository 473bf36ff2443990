//! Artifacts a package lacks: made once, beside it or in the cache folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use drivetrain_contract::{Artifact, ArtifactData, Call, Error, Model, Result, format};
use drivetrain_convert::{
    Target,
    calibrate::Samples,
    make::{Maker, Order},
    onnx::{ExportOptions, export},
};
use drivetrain_package::{ArtifactFile, Package};
use drivetrain_planner::{Profile, plan::ModelFile};
use sha2::{Digest, Sha256};

use crate::{Event, LateWorkbench, Locations, Scratch, choose::WEIGHTS};

/// What can stop an artifact from being made, and who is told about it.
pub(crate) struct Watch<'a> {
    pub(crate) call: &'a dyn Call,
    pub(crate) observe: &'a mut dyn FnMut(Event<'_>),
}

/// The ecosystem's name for an exported graph.
const ONNX_FILE: &str = "onnx/model.onnx";

/// The package as a backend sees it that is to run this file of it, which is made first if it is still to be made.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::NotFound`] when the file is gone, and what making it fails with.
pub(crate) fn model_of(
    package: &Package,
    file: &ModelFile,
    (profile, locations): (&Profile, &Locations),
    watch: &mut Watch<'_>,
) -> Result<Model> {
    let mut model = package.model();
    warn_if_stale(&model, file);
    let own = package.artifacts().iter().position(|one| one.path == file.path && one.format == file.format);
    let data = match (own, &file.target) {
        (Some(idx), _) => model.artifacts[idx].data.clone(),
        (None, None) => ArtifactData::Path(there(package, file, locations)?),
        (None, Some(target)) if target == Target::Onnx.name() => {
            ArtifactData::Path(onnx_file(package, locations, watch)?)
        }
        (None, Some(target)) => ArtifactData::Path(make(package, target, (profile, locations), watch)?),
    };
    // The backend is given the one file that was chosen, and what every file needs beside it.
    model.artifacts.retain(|artifact| artifact.format == format::TOKENIZER);
    model.artifacts.insert(0, Artifact { format: file.format.clone(), precision: file.precision, data });
    Ok(model)
}

/// Where a file is that was made in the cache folder.
fn there(package: &Package, file: &ModelFile, locations: &Locations) -> Result<PathBuf> {
    let path = cache_folder(package, locations).join(&file.path);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::not_found(format!("`{}` of the model `{}` is gone", file.path, package.name())))
}

/// Makes an artifact as `drivetrain convert` does, checks included.
fn make(
    package: &Package,
    target: &str,
    (profile, locations): (&Profile, &Locations),
    watch: &mut Watch<'_>,
) -> Result<PathBuf> {
    let known = Target::all().into_iter().find(|one| one.name() == target);
    let target = known.ok_or_else(|| Error::internal(format!("nothing makes `{target}`")))?;
    let path = artifact_folder(package, locations).join(target.file());
    (watch.observe)(Event::Converting { model: package.name(), target: &path });
    let mut engine = LateWorkbench::new(profile, locations);
    let scratch = Scratch::create(locations)?;
    let samples = target.gains_from_texts().then(|| Samples::builtin(package)).transpose()?;
    let mut maker = Maker::new(package, &mut engine, scratch.path(), watch.call).with_samples(samples);
    let made = maker.make(&Order::new(target, path))?;
    if made.is_rejected() {
        let message = format!("`{target}` of the model `{}` is not exact enough to be used", package.name());
        return Err(
            Error::model(message).with_hint(format!("`drivetrain convert {} --to {target}` says why", package.name()))
        );
    }
    (watch.observe)(Event::Converted { target: &made.path });
    Ok(made.path)
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

pub(crate) fn cache_folder(package: &Package, locations: &Locations) -> PathBuf {
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
pub(crate) fn cache_key(package: &Package) -> String {
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

/// Ends of the names of files that packages are made of.
const PACKAGE_FILES: [&str; 6] = ["json", "txt", "model", "safetensors", "bin", "pt"];

/// Whether a file is one of a package's, by its name: not vectors, locks and notes that lie beside them.
fn is_of_package(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    PACKAGE_FILES.contains(&end) && !name.starts_with('.') && !name.ends_with(".job.json")
}

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
        } else if facts.is_file() && is_of_package(&path) {
            let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            digest.update(path.as_os_str().as_encoded_bytes());
            digest.update(facts.len().to_le_bytes());
            digest.update(changed.map_or(0, |age| age.as_nanos()).to_le_bytes());
        }
    }
}

/// Says so when a graph beside the model is older than the weights it should have been made from.
fn warn_if_stale(model: &Model, file: &ModelFile) {
    let is_graph = [format::ONNX, format::OPENVINO_IR].contains(&&*file.format);
    let graph = is_graph.then(|| changed(model, &file.format)).flatten();
    let weights = WEIGHTS.iter().find_map(|format| changed(model, format));
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
