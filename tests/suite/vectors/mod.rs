//! Vectors of real engines against those of the reference library.

mod boundary;
mod distillation;
mod example;
mod fitting;
mod fixtures;
mod heads;
mod minilm;
pub(crate) mod process;
mod python;

use std::{fs, path::Path};

use drivetrain::{Engine, Layer, Origin, Profile, Prompt, Result};
use drivetrain_tests::Rig;
pub(crate) use fixtures::tolerance;
pub(crate) use minilm::sts_benchmark;

/// What a test wants besides the model.
#[derive(Default)]
struct Wanted<'a> {
    prompt: Prompt,
    truncate_dim: Option<usize>,
    profile: &'a str,
}

/// Opens a model for a test, with two threads unless the test's profile says otherwise.
fn engine(rig: &Rig, model: &Path, wanted: Wanted<'_>) -> Result<Engine> {
    let mut layer = Layer::default();
    layer.set("model", model.to_str().unwrap(), Origin::Program);
    layer.set("threads", 2, Origin::Program);
    let profile = Profile::build(&[layer, Layer::text(wanted.profile)?])?;
    Engine::builder(&profile).locations(rig.locations()).prompt(wanted.prompt).truncate_dim(wanted.truncate_dim).build()
}

/// A copy of a model directory in the test's own folder, so that nothing is written beside the fixtures.
pub(crate) fn copy_model(rig: &Rig, from: &Path) -> std::path::PathBuf {
    let to = rig.cache().join("copied").join(from.file_name().unwrap());
    copy_tree(from, &to);
    to
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
