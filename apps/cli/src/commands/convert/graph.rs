//! Graphs of a transformer: ONNX and OpenVINO IR, in every precision.

use std::path::{Path, PathBuf};

use drivetrain::{
    Error, Fetch, Locations, Profile, Result, Workbench,
    contract::{Call, Session},
    convert::{
        Conversion, GraphEngine, Level, Rewriting, Target, Tools,
        calibrate::{Accuracy, Calibrated, Samples, calibrate},
        convert,
        onnx::Int8Preset,
    },
    fetch_package,
    files::{Input, ReadOptions, Sources},
    package::Package,
};
use tempfile::TempDir;

use super::{Observed, needs_output, say};
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
    let target = target(args)?;
    let profile = profile::build_for(&args.source, &args.run)?;
    let locations = Locations::from_environment()?;
    let fetch = Fetch { locations: &locations, hub: None, call: &Interruptible };
    let package = fetch_package(&args.source, &fetch, &mut announce(quiet))?;
    let path = match (&args.output, package.files().dir()) {
        (Some(path), _) => path.clone(),
        (None, Some(folder)) => folder.join(target.file()),
        (None, None) => return Err(needs_output("a file")),
    };
    let needs_scratch = target.gains_from_texts() || matches!(target, Target::Optimized(_));
    let scratch = needs_scratch.then(|| create_scratch(&locations)).transpose()?;
    let scratch = scratch.as_ref().map_or(locations.cache(), TempDir::path);
    let observed = Observed { bar: progress::permille(quiet) };
    let mut engine = Late { profile: &profile, locations: &locations, workbench: None };
    let mut tools = Tools { engine: &mut engine, scratch, call: &observed };
    let samples = samples(args, target, &package)?;
    let calibrated = samples.map(|samples| calibrate(&package, &samples, &Accuracy::INT8, &mut tools)).transpose()?;
    let conversion = convert(&package, target, &path, calibrated.as_ref(), &mut tools)?;
    observed.bar.finish_and_clear();
    report(&conversion, calibrated.as_ref(), quiet);
    Ok(())
}

/// What is to be made.
fn target(args: &ConvertArgs) -> anyhow::Result<Target> {
    let preset = match &args.preset {
        None => Int8Preset::of_this_machine(),
        Some(name) => Int8Preset::named(name).ok_or_else(|| {
            let names = Int8Preset::ALL.map(Int8Preset::name).join(", ");
            CommandError::new(Blame::Usage, format!("unknown preset `{name}`")).with_hint(format!("one of {names}"))
        })?,
    };
    Ok(match args.to {
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
        ConvertTarget::Static => return Err(Error::internal("a static model is no graph").into()),
    })
}

/// The texts to calibrate with, where the target gains from them and they are wanted.
fn samples(args: &ConvertArgs, target: Target, package: &Package) -> anyhow::Result<Option<Samples>> {
    if !target.gains_from_texts() || (args.samples == 0 && !target.is_calibrated()) {
        return Ok(None);
    }
    if args.samples == 0 {
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

fn report(conversion: &Conversion, calibrated: Option<&Calibrated>, quiet: bool) {
    let megabytes = conversion.total_bytes as f64 / 1e6;
    log::info!("{} parameters", conversion.exported.n_parameters);
    say(quiet, &format!("wrote `{}` ({megabytes:.1} MB)", conversion.path.display()));
    // What is known of ranges that were calibrated does not hold for those that are measured.
    let Some(calibrated) = calibrated.filter(|_| conversion.target.is_calibrated()) else { return };
    let n_float = calibrated.sites.iter().filter(|site| site.stays_float).count();
    if n_float > 0 {
        say(quiet, &format!("{n_float} of {} sites stay in floats", calibrated.sites.len()));
    }
    if let Some(Accuracy { mean_cosine, min_cosine }) = calibrated.accuracy {
        say(quiet, &format!("cosine to 32-bit floats: {mean_cosine:.4} on average, {min_cosine:.4} at least"));
    }
}

/// An engine that is opened when it is needed: most targets need none.
struct Late<'l> {
    profile: &'l Profile,
    locations: &'l Locations,
    workbench: Option<Workbench>,
}

impl Late<'_> {
    fn workbench(&mut self) -> Result<&mut Workbench> {
        match &mut self.workbench {
            Some(workbench) => Ok(workbench),
            empty => Ok(empty.insert(Workbench::open(self.profile, self.locations)?)),
        }
    }
}

impl GraphEngine for Late<'_> {
    fn open(&mut self, graph: &Path, call: &dyn Call) -> Result<Box<dyn Session>> {
        self.workbench()?.open(graph, call)
    }

    fn rewrite(&mut self, graph: &Path, rewriting: Rewriting, target: &Path, call: &dyn Call) -> Result<()> {
        self.workbench()?.rewrite(graph, rewriting, target, call)
    }
}

/// A folder for graphs that are needed for a while.
fn create_scratch(locations: &Locations) -> Result<TempDir> {
    let folder: PathBuf = locations.cache().join("convert");
    let failed = |err| Error::io(format!("failed to create a folder in `{}`", folder.display())).with_source(err);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    tempfile::tempdir_in(&folder).map_err(failed)
}
