//! What Drivetrain takes with each engine, loaded and after one batch.

use std::path::Path;

use anyhow::Result;
use protocol::Command;

use super::{
    site::Site,
    variant::{Engine, Variant},
};
use crate::{
    child::Contestant,
    lengths::{self, Length},
    report::Memory,
};

/// Texts of the batch.
const TEXTS: usize = 8;

/// Starts Drivetrain with each variant, one after the other, and has it embed one batch.
pub(super) fn measure(
    site: &Site<'_>,
    variants: &[Variant],
    folder: &Path,
    data: Option<&Path>,
) -> Result<Vec<Memory>> {
    let mut texts = Length::Mid.texts(data)?;
    texts.truncate(TEXTS);
    let file = lengths::file_of(folder, "batch", texts)?;
    let measure = |&variant: &Variant| {
        let entry = site.drivetrain(variant, "sessions = 1");
        let mut contestant = Contestant::start(&entry, &file)?;
        contestant.order(&Command::Run)?;
        Ok(Memory { name: entry.name, peak: contestant.peak(), goal: Some(goal(variant.engine)) })
    };
    variants.iter().map(measure).collect()
}

/// Most bytes that may be resident.
fn goal(engine: Engine) -> u64 {
    let megabytes = match engine {
        Engine::Onnxruntime => 250,
        Engine::Openvino => 400,
        Engine::Libtorch => 500,
    };
    megabytes * 1_000_000
}
