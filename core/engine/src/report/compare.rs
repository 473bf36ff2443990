//! Every artifact on every engine.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use drivetrain_contract::{Artifact, ArtifactData, Call, ErrorKind, Model, Precision, Result, Session, format};
use drivetrain_convert::{
    ArtifactEngine, GraphEngine, Opened, Tools,
    check::Reference,
    onnx::{ExportOptions, export},
};
use drivetrain_package::{ArtifactRecords, Figures, Package, Task};
use drivetrain_pipeline::{EmbedOptions, Embedder};

use super::{
    Pair,
    spearman::spearman_of,
    speed::{Speed, Texts, compare},
};
use crate::{Locations, Runner, Workbench, artifacts};

/// What is measured, and how often.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Pairs of texts to rank; without any, ranks are left out.
    pub pairs: Vec<Pair>,
    /// Times each speed is measured.
    pub rounds: usize,
}

/// The artifacts of a model, on every engine that runs them.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ArtifactReport {
    /// Name of the package.
    pub model: String,
    /// What everything is compared with.
    pub reference: String,
    /// Threads of each session.
    pub threads: usize,
    /// Spearman's correlation of the pairs for the reference.
    pub spearman: Option<f64>,
    /// One for each artifact, engine and precision.
    pub rows: Vec<ReportRow>,
}

/// An artifact on an engine.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ReportRow {
    /// Its path in the package, or in full where it is elsewhere.
    pub artifact: String,
    /// Length of its files.
    pub bytes: u64,
    /// Backend, version and device.
    pub engine: String,
    /// Precision it computes in.
    pub precision: Precision,
    /// What was measured.
    pub measured: Option<Measured>,
    /// Why it was not.
    pub failure: Option<String>,
}

/// How exact and how fast an artifact is.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Measured {
    /// Compared with the reference on the texts of [`drivetrain_convert::check`].
    pub figures: Figures,
    /// Spearman's correlation of the pairs.
    pub spearman: Option<f64>,
    /// Times the reference's; `None` for models that do not embed.
    pub speed: Option<Speed>,
}

/// Measures every artifact that a package has, in its folder or in the cache folder.
///
/// Each runs in one session with all threads, one after the other.
///
/// # Errors
/// As [`Reference::of`]; what fails for one artifact stands in its row.
pub fn compare_artifacts(
    package: &Package,
    (bench, locations): (&mut Workbench, &Locations),
    options: &ReportOptions,
    (scratch, call): (&Path, &dyn Call),
) -> Result<ArtifactReport> {
    let reference = Reference::of(package, &mut Tools { engine: &mut *bench, scratch, call })?;
    let path = scratch.join("base.onnx");
    export(package, &path, &ExportOptions::default(), &mut |_| call.check())?;
    let base = bench.open(&path, call)?;
    let base = embedder(package, base, bench.threads())?;
    let texts = Texts::of_sample();
    let mut stand = Stand { package, reference, base, options, texts, call: Silent(call) };
    let mut report = ArtifactReport {
        model: package.name().to_owned(),
        reference: format!("ONNX in f32 by {}", bench.graph_engine()?),
        threads: bench.threads().get(),
        spearman: stand.base_spearman()?,
        rows: Vec::new(),
    };
    let trials = trials(package, (bench, locations));
    let n_trials = trials.len();
    for (idx, trial) in trials.into_iter().enumerate() {
        call.check()?;
        call.progress((idx * 1000 / n_trials) as u32, &format!("{} by {}", trial.name, trial.runner.backend));
        match stand.measure(&trial, bench) {
            Err(err) if err.kind() == ErrorKind::Cancelled => return Err(err),
            // What an engine does not offer is no candidate.
            Err(err) if err.kind() == ErrorKind::Unsupported && trial.is_extra => {}
            outcome => report.rows.push(trial.row(outcome)),
        }
    }
    Ok(report)
}

/// An artifact on an engine in a precision.
#[derive(Debug)]
struct Trial {
    name: String,
    path: PathBuf,
    artifact: Artifact,
    runner: Runner,
    precision: Precision,
    /// Whether the precision is another than the artifact's.
    is_extra: bool,
}

/// All of them, in the order of the package's artifacts.
fn trials(package: &Package, (bench, locations): (&mut Workbench, &Locations)) -> Vec<Trial> {
    let folder = package.files().dir().map(Path::to_owned).unwrap_or_default();
    let known = package.model().artifacts.into_iter().chain(artifacts::cached(package, locations));
    let mut trials = Vec::new();
    for artifact in known.filter(|artifact| artifact.format != format::TOKENIZER) {
        let ArtifactData::Path(path) = &artifact.data else { continue };
        for runner in bench.runners(&artifact.format) {
            let mut precisions = vec![artifact.precision];
            if artifact.precision == Precision::F32 {
                let native = bench.native_precisions(&runner);
                precisions.extend([Precision::Bf16, Precision::F16].iter().filter(|half| native.contains(half.set())));
            }
            trials.extend(precisions.into_iter().map(|precision| Trial {
                name: path.strip_prefix(&folder).unwrap_or(path).display().to_string(),
                path: path.clone(),
                artifact: artifact.clone(),
                runner: runner.clone(),
                precision,
                is_extra: precision != artifact.precision,
            }));
        }
    }
    trials
}

impl Trial {
    fn row(self, outcome: Result<Measured>) -> ReportRow {
        let (measured, failure) = match outcome {
            Ok(measured) => (Some(measured), None),
            Err(err) => (None, Some(err.to_text())),
        };
        let (bytes, engine) = (total_bytes(&self.path), self.runner.to_string());
        ReportRow { artifact: self.name, bytes, engine, precision: self.precision, measured, failure }
    }
}

/// What every artifact is measured with.
struct Stand<'s> {
    package: &'s Package,
    reference: Reference,
    /// The reference's vectors; `None` for models that do not embed.
    base: Option<Embedder>,
    options: &'s ReportOptions,
    texts: Texts,
    call: Silent<'s>,
}

impl Stand<'_> {
    fn base_spearman(&mut self) -> Result<Option<f64>> {
        match &mut self.base {
            Some(base) if !self.options.pairs.is_empty() => spearman_of(base, &self.options.pairs, &self.call),
            _ => Ok(None),
        }
    }

    fn measure(&mut self, trial: &Trial, bench: &mut Workbench) -> Result<Measured> {
        let description_json = self.package.description_json();
        let model = Model { artifacts: vec![trial.artifact.clone()], description_json };
        let session = bench.session(&trial.runner, (&model, trial.precision), &self.call)?;
        let mut opened = Opened { session, engine: trial.runner.to_string() };
        let figures = self.reference.compare(&mut opened, &self.call)?;
        let mut measured = Measured { figures, spearman: None, speed: None };
        let embedder = embedder(self.package, opened.session, bench.threads())?;
        if let (Some(mut embedder), Some(base)) = (embedder, &mut self.base) {
            if !self.options.pairs.is_empty() {
                measured.spearman = spearman_of(&mut embedder, &self.options.pairs, &self.call)?;
            }
            let speed = compare((&mut embedder, base), &self.texts, self.options.rounds, &self.call)?;
            measured.speed = Some(speed);
        }
        Ok(measured)
    }
}

/// A model and its session, if the model embeds.
fn embedder(package: &Package, session: Box<dyn Session>, threads: NonZeroUsize) -> Result<Option<Embedder>> {
    if package.task() != Task::Embed {
        return Ok(None);
    }
    let options = EmbedOptions { threads, ..EmbedOptions::default() };
    Embedder::new(package, session, &options).map(Some)
}

/// Length of a graph and of the weights beside it, or of all shards that an index is of.
fn total_bytes(path: &Path) -> u64 {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().unwrap_or(path);
    if let Some(record) = ArtifactRecords::read(folder).artifacts.get(&name).filter(|one| one.is_complete(folder)) {
        return record.total_bytes();
    }
    let length = |path: &Path| fs::metadata(path).map_or(0, |facts| facts.len());
    match name.split_once(".index.json") {
        Some((stem, _)) => {
            let extension = Path::new(stem).extension();
            let files = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
            files.filter(|path| path.extension() == extension).map(|path| length(&path)).sum()
        }
        None if name.ends_with(".xml") => length(path) + length(&path.with_extension("bin")),
        None => length(path) + length(&folder.join(format!("{name}_data"))),
    }
}

/// A call that can be stopped and tells nobody how far it is: the whole report has one bar.
struct Silent<'c>(&'c dyn Call);

impl Call for Silent<'_> {
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }
}
