//! A package as planning sees it.

use std::fs;

use drivetrain_contract::{Precision, format};
use drivetrain_convert::{Level, Target, check_architecture, make::DiskSpace, onnx::Int8Preset};
use drivetrain_package::{ArtifactFile, Package};
use drivetrain_planner::plan::{Absence, ModelFacts, ModelFile, Room, Size};

use crate::{
    Locations,
    artifacts::{artifact_folder, cached_files, weight_bytes},
    choose::WEIGHTS,
};

/// What planning has to know of a package: the files it has, beside it or in the cache folder, and those that can be
/// made of its weights.
pub fn model_facts(package: &Package, locations: &Locations) -> ModelFacts {
    let files: Vec<&ArtifactFile> =
        package.artifacts().iter().filter(|file| file.format != format::TOKENIZER).collect();
    let mut facts: Vec<ModelFile> = files.iter().map(|file| there(package, file)).collect();
    facts.extend(cached_files(package, locations).into_iter().map(|(file, bytes)| model_file(&file, bytes)));
    let is_makeable = files.iter().any(|file| WEIGHTS.contains(&file.format)) && !package.is_static();
    if is_makeable {
        let weights = weight_bytes(package);
        let missing = makeable().into_iter().filter(|target| facts.iter().all(|file| file.path != target.file()));
        let made: Vec<ModelFile> = missing.map(|target| to_make(target, weights)).collect();
        facts.extend(made);
    }
    let obstacle = check_architecture(package).err().filter(|_| is_makeable);
    ModelFacts {
        obstacle: obstacle
            .map(|err| Absence { reason: err.message().to_owned(), remedy: err.hint().map(str::to_owned) }),
        name: package.name().to_owned(),
        task: package.task(),
        architecture: package.model_type().map(str::to_owned),
        files: facts,
        max_tokens: package.max_seq_length(),
        size: size(package),
        room: is_makeable.then(|| room(package, locations)).flatten(),
    }
}

fn room(package: &Package, locations: &Locations) -> Option<Room> {
    let DiskSpace { free_bytes, total_bytes } = DiskSpace::of(&artifact_folder(package, locations))?;
    Some(Room { free_bytes, total_bytes })
}

/// What a plan may want to have made. Not what is only made by hand: levels of optimisation that no rule asks for, and
/// copies for engines that read the plain graph as well.
fn makeable() -> Vec<Target> {
    let levels = [Level::O3, Level::O4].map(Target::Optimized);
    let mut targets = vec![Target::Onnx];
    targets.extend(levels);
    targets.extend([Target::OnnxInt8(Int8Preset::of_this_machine()), Target::OpenvinoInt8]);
    targets
}

fn there(package: &Package, file: &ArtifactFile) -> ModelFile {
    let bytes = |folder: &std::path::Path| Some(fs::metadata(folder.join(&file.path)).ok()?.len());
    // Files in memory are part of the program, which is counted elsewhere.
    model_file(file, package.files().dir().and_then(bytes).unwrap_or(0))
}

fn model_file(file: &ArtifactFile, bytes: u64) -> ModelFile {
    let (format, path) = (file.format.to_owned(), file.path.clone());
    ModelFile { format, precision: file.precision, path, bytes, target: None }
}

fn to_make(target: Target, weights: u64) -> ModelFile {
    let (precision, path) = (target.precision(), target.file());
    let bytes = match precision {
        Precision::F32 => weights,
        Precision::F16 | Precision::Bf16 => weights / 2,
        Precision::Int8 => weights / 4,
    };
    ModelFile { format: target.format().to_owned(), precision, path, bytes, target: Some(target.name().to_owned()) }
}

/// By the names most configurations have, and DistilBERT's.
fn size(package: &Package) -> Option<Size> {
    let config = package.config();
    let number = |names: [&str; 2]| names.iter().find_map(|name| config.get(name)?.as_u64());
    Some(Size {
        hidden: number(["hidden_size", "dim"])?,
        intermediate: number(["intermediate_size", "hidden_dim"])?,
        heads: number(["num_attention_heads", "n_heads"])?,
    })
}
