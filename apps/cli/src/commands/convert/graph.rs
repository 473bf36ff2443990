//! Graphs of a transformer: ONNX and OpenVINO IR, in every precision.

use std::path::{Path, PathBuf};

use drivetrain::{
    Error, ErrorKind, Fetch, LateWorkbench, Locations, Result, Scratch, artifact_folder,
    convert::{
        Level, Target,
        calibrate::Samples,
        make::{Maker, Order},
        onnx::Int8Preset,
    },
    fetch_package,
    files::{Input, ReadOptions, Sources},
    package::Package,
    targets_here,
};

use super::{
    Observed, needs_output, say,
    told::{refusal, told},
};
use crate::{
    args::{ConvertArgs, ConvertTarget},
    commands::{embed::announce, profile},
    exit::{Blame, CommandError},
    input::texts,
    interrupt::Interruptible,
    progress,
};

/// Texts of a file that are looked at, of which the wanted number is picked.
const MOST_TEXTS: usize = 50_000;

pub(super) fn run(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    let preset = preset(args)?;
    let profile = profile::build_for(&args.source, &args.run)?;
    let locations = Locations::from_environment()?;
    let fetch = Fetch { locations: &locations, hub: None, call: &Interruptible };
    let package = fetch_package(&args.source, &fetch, &mut announce(quiet, String::new()))?;
    let mut engine = LateWorkbench::new(&profile, &locations);
    let targets = match args.to {
        Some(to) => vec![target(to, preset)?],
        None => targets_here(engine.workbench()?)?,
    };
    let samples = samples(args, &targets, &package)?;
    let needs_scratch = !args.trust.no_check || targets.iter().any(|&target| learns(target));
    let scratch = needs_scratch.then(|| Scratch::create(&locations)).transpose()?;
    let scratch = scratch.as_ref().map_or(locations.cache(), Scratch::path);
    let observed = Observed { bar: progress::permille(quiet) };
    let mut maker = Maker::new(&package, &mut engine, scratch, &observed).with_samples(samples);
    let mut refused: Option<anyhow::Error> = None;
    for &target in &targets {
        let path = path(args, target, (&package, &locations))?;
        let made = match maker.make(&order(args, target, path)) {
            Ok(made) => made,
            // What one target fails with need not keep the others from being made; the first failure is told in the end.
            Err(err) if targets.len() > 1 && err.kind() != ErrorKind::Cancelled => {
                log::warn!("`{}` is left out: {}", target.name(), err.to_text());
                refused.get_or_insert(err.into());
                continue;
            }
            Err(err) => return Err(err.into()),
        };
        observed.bar.suspend(|| told(&made).iter().for_each(|line| say(quiet, line)));
        if made.is_rejected() {
            refused.get_or_insert_with(|| refusal(&made).into());
        }
    }
    observed.bar.finish_and_clear();
    refused.map_or(Ok(()), Err)
}

/// Whether a target is made by running models.
fn learns(target: Target) -> bool {
    target.gains_from_texts() || matches!(target, Target::Optimized(_))
}

fn order(args: &ConvertArgs, target: Target, path: PathBuf) -> Order {
    let trust = args.trust;
    Order { force: trust.force, accept: trust.accept, skip_check: trust.no_check, ..Order::new(target, path) }
}

/// Where an artifact goes.
fn path(args: &ConvertArgs, target: Target, (package, locations): (&Package, &Locations)) -> anyhow::Result<PathBuf> {
    match (&args.output, package.files().dir()) {
        (Some(path), _) => Ok(path.clone()),
        (None, Some(_)) => Ok(artifact_folder(package, locations).join(target.file())),
        (None, None) => Err(needs_output("a file")),
    }
}

/// The processors that integers are for.
fn preset(args: &ConvertArgs) -> anyhow::Result<Int8Preset> {
    let Some(name) = &args.preset else { return Ok(Int8Preset::of_this_machine()) };
    Int8Preset::named(name).ok_or_else(|| {
        let names = Int8Preset::ALL.map(Int8Preset::name).join(", ");
        CommandError::new(Blame::Usage, format!("unknown preset `{name}`")).with_hint(format!("one of {names}")).into()
    })
}

fn target(to: ConvertTarget, preset: Int8Preset) -> Result<Target> {
    Ok(match to {
        ConvertTarget::Onnx => Target::Onnx,
        ConvertTarget::OnnxO1 => Target::Optimized(Level::O1),
        ConvertTarget::OnnxO2 => Target::Optimized(Level::O2),
        ConvertTarget::OnnxO3 => Target::Optimized(Level::O3),
        ConvertTarget::OnnxO4 => Target::Optimized(Level::O4),
        ConvertTarget::OnnxFp16 => Target::OnnxFp16,
        ConvertTarget::OnnxBf16 => Target::OnnxBf16,
        ConvertTarget::OnnxInt8 => Target::OnnxInt8(preset),
        ConvertTarget::OnnxInt8Static => Target::OnnxInt8Static,
        ConvertTarget::Openvino => Target::Openvino,
        ConvertTarget::OpenvinoFp16 => Target::OpenvinoFp16,
        ConvertTarget::OpenvinoInt8 => Target::OpenvinoInt8,
        ConvertTarget::Static => return Err(Error::internal("a static model is no graph")),
    })
}

/// The texts to calibrate with, where a target gains from them and they are wanted.
fn samples(args: &ConvertArgs, targets: &[Target], package: &Package) -> anyhow::Result<Option<Samples>> {
    let calibrated = targets.iter().find(|target| target.is_calibrated());
    if !targets.iter().any(|target| target.gains_from_texts()) || (args.samples == 0 && calibrated.is_none()) {
        return Ok(None);
    }
    if let Some(target) = calibrated.filter(|_| args.samples == 0) {
        let error = CommandError::new(Blame::Usage, format!("`{target}` cannot be made without texts"));
        return Err(error.with_hint("give `--samples` a number above 0").into());
    }
    let samples = match &args.calibration {
        None => Samples::builtin(package)?.thinned(args.samples),
        Some(path) => Samples::tokenize(package, picked(path, args.samples)?)?,
    };
    Ok(Some(samples))
}

/// So many texts of a file, evenly spread over its beginning.
fn picked(path: &Path, wanted: usize) -> anyhow::Result<Vec<String>> {
    let records = Sources::find(vec![Input::Path(path.to_owned())], None)
        .map_err(|err| CommandError::of(Blame::Input, err))?
        .read(ReadOptions::default());
    let mut found = Vec::new();
    for record in texts(records).take(MOST_TEXTS) {
        let record = record?;
        if !record.text().trim().is_empty() {
            found.push(record.text().to_owned());
        }
    }
    let kept = found.len().min(wanted);
    Ok((0..kept).map(|idx| found[idx * found.len() / kept].clone()).collect())
}
