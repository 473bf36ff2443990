//! Everything that the vectors of a job depend on.

use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use drivetrain::{
    Amount, Engine, Profile, Side,
    files::{Identity, InputFacts},
};

use crate::args::EmbedArgs;

/// Files of a model by which a change of it is noticed.
const MODEL_FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

/// By what a job is known again. What neither changes vectors nor their order is left out: `--skip-errors` may be added
/// to a job that failed at a line.
pub(crate) fn identity(args: &EmbedArgs, profile: &Profile, engine: &Engine, inputs: Vec<InputFacts>) -> Identity {
    let (running, pipeline) = (engine.running(), &profile.pipeline);
    let amount = |amount: Amount| amount.count().map_or_else(|| "auto".to_owned(), |count| count.to_string());
    let mut options = BTreeMap::new();
    let mut tell = |name: &str, value: String| drop(options.insert(name.to_owned(), value));
    tell("the model", profile.model.value.clone());
    if let Some(folder) = engine.package().files().dir() {
        tell("the model's folder", folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).display().to_string());
        tell("the model's state", state(folder));
    }
    if let Some(file) = &running.file {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        tell("the model's file", file.parent().and_then(|folder| stamp(folder, &name)).unwrap_or_default());
    }
    tell("the program", env!("CARGO_PKG_VERSION").to_owned());
    tell("the engine", running.backend.clone());
    let mut settings = profile.backend_config(&running.backend);
    // Where the engine's library is does not matter; its version does, which is told below.
    settings.remove("library");
    tell("the engine's settings", serde_json::Value::Object(settings).to_string());
    tell("device", running.device.clone());
    tell("precision", running.precision.to_string());
    tell("threads", running.threads.to_string());
    tell("sessions", running.sessions.to_string());
    tell("pipeline.window", amount(pipeline.window.value));
    tell("pipeline.batch_tokens", amount(pipeline.batch_tokens.value));
    tell("pipeline.max_batch", amount(pipeline.max_batch.value));
    tell("--field", args.field.clone());
    tell("--no-header", args.no_header.to_string());
    tell("--skip", args.skip.to_string());
    let emulated = profile.allow_emulated.value.then(|| "true".to_owned());
    let given = [
        ("allow_emulated", emulated),
        ("the engine's version", running.engine_version.clone()),
        ("--side", args.profile.source.side.map(|side| Side::from(side).to_string())),
        ("--prompt-name", args.prompt_name.clone()),
        ("--prompt", args.prompt.clone()),
        ("--input-format", args.input_format.map(|format| format!("{format:?}").to_lowercase())),
        ("--column", args.column.clone()),
        ("--limit", args.limit.map(|limit| limit.to_string())),
    ];
    given.into_iter().for_each(|(name, value)| value.into_iter().for_each(|value| tell(name, value)));
    Identity::new(inputs, options)
}

/// Length and time of change of what a model is made of.
fn state(folder: &Path) -> String {
    MODEL_FILES.iter().filter_map(|name| stamp(folder, name)).collect::<Vec<_>>().join(", ")
}

/// Name, length and time of change of a file.
fn stamp(folder: &Path, name: &str) -> Option<String> {
    let facts = folder.join(name).metadata().ok()?;
    let modified = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(format!("{name} {} {modified}", facts.len()))
}
