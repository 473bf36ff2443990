//! One graph made of a package, whatever its target.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Instant,
};

use drivetrain_contract::{Artifact, Call, Error, Result, Session};
use drivetrain_package::Package;

use crate::{
    Level, Target,
    calibrate::Calibrated,
    onnx::{self, Contributed, ExportOptions, ExportReport, Form, Progress},
    openvino_ir::{self, IrOptions},
};

/// An engine that runs ONNX, for conversions that learn from what graphs give.
pub trait GraphEngine {
    /// Opens a session on an ONNX file that takes padded tokens and computes in 32-bit floats.
    ///
    /// # Errors
    /// What the engine fails with.
    fn open(&mut self, graph: &Path, call: &dyn Call) -> Result<Box<dyn Session>>;

    /// Has the engine rewrite `graph` with what is fused of its operations, and write the result to `target`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for an engine that cannot, and what it fails with.
    fn rewrite(&mut self, graph: &Path, rewriting: Rewriting, target: &Path, call: &dyn Call) -> Result<()>;
}

/// Engines that artifacts of every format are checked with.
pub trait ArtifactEngine: GraphEngine {
    /// What [`GraphEngine`] runs and rewrites graphs with: backend, version and device, for people to read.
    ///
    /// # Errors
    /// What opening the engine fails with.
    fn graph_engine(&mut self) -> Result<String>;

    /// Opens a session on an artifact that takes padded tokens and computes in the artifact's precision, emulated where
    /// no device has it. `description_json` is what [`drivetrain_contract::Model::description_json`] says.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] where no engine here runs it, and what the engine fails with.
    fn open_artifact(&mut self, artifact: &Artifact, description_json: &str, call: &dyn Call) -> Result<Opened>;
}

/// An artifact that was opened.
pub struct Opened {
    /// The session.
    pub session: Box<dyn Session>,
    /// What runs it: backend, version and device, for people to read.
    pub engine: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// How far an engine rewrites a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewriting {
    /// What is redundant is removed.
    Basic,
    /// Operations are fused as well.
    Extended,
}

/// What a conversion works with.
pub struct Tools<'t> {
    /// Runs and rewrites graphs.
    pub engine: &'t mut dyn GraphEngine,
    /// A folder for graphs that are needed for a while, each about the size of the model in 32-bit floats.
    pub scratch: &'t Path,
    /// What can stop it, and is told how far it is.
    pub call: &'t dyn Call,
}

impl fmt::Debug for Tools<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// What it is.
    pub target: Target,
    /// The graph.
    pub path: PathBuf,
    /// Length of all its files in bytes.
    pub total_bytes: u64,
    /// Time it took, calibration apart.
    pub seconds: f64,
    /// What was exported, which an engine may have rewritten afterwards.
    pub exported: ExportReport,
}

/// Writes the graph that `target` stands for at `path`.
///
/// Missing folders on the way are created, and an existing file is replaced by the whole new one or not at all. Targets
/// with calibrated ranges need `calibrated`, which improves [`Target::OnnxInt8`] too. Only [`Target::Optimized`] needs
/// the engine.
///
/// # Errors
/// As [`onnx::export`] and [`openvino_ir::export`]; [`drivetrain_contract::ErrorKind::Invalid`] for a target that needs
/// a calibration and is given none; what the engine fails with.
pub fn convert(
    package: &Package,
    target: Target,
    path: &Path,
    calibrated: Option<&Calibrated>,
    tools: &mut Tools<'_>,
) -> Result<Conversion> {
    let started = Instant::now();
    let call = tools.call;
    let mut progress = |progress: Progress<'_>| {
        let share = progress.written_bytes as f64 / progress.total_bytes.max(1) as f64;
        call.progress((share * 1000.0) as u32, "writing");
        call.check()
    };
    let ranges = || calibrated.map(|calibrated| Form::Int8(calibrated.int8.clone())).ok_or_else(|| needs_texts(target));
    let onnx = |form: Form| ExportOptions { form, ..ExportOptions::default() };
    let ir = |form: Form| IrOptions { form };
    let mut exported = match target {
        Target::Onnx => onnx::export(package, path, &ExportOptions::default(), &mut progress)?,
        Target::Optimized(level) => optimize(package, level, path, tools, &mut progress)?,
        Target::OnnxFp16 => onnx::export(package, path, &onnx(Form::F16), &mut progress)?,
        Target::OnnxBf16 => onnx::export(package, path, &onnx(Form::Bf16), &mut progress)?,
        Target::OnnxInt8(preset) => {
            let int8 = calibrated.map_or_else(|| preset.int8(), |calibrated| calibrated.measured(preset));
            onnx::export(package, path, &onnx(Form::Int8(int8)), &mut progress)?
        }
        Target::OnnxInt8Static => onnx::export(package, path, &onnx(ranges()?), &mut progress)?,
        Target::Openvino => openvino_ir::export(package, path, &ir(Form::F32), &mut progress)?,
        Target::OpenvinoFp16 => openvino_ir::export(package, path, &ir(Form::F16), &mut progress)?,
        Target::OpenvinoInt8 => openvino_ir::export(package, path, &ir(ranges()?), &mut progress)?,
    };
    exported.path = path.to_owned();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Conversion { target, path: path.to_owned(), total_bytes: exported.total_bytes, seconds, exported })
}

/// What Optimum does at a level: what ONNX Runtime rewrites it rewrites itself, what it does not fuse of a graph like
/// ours is written fused.
fn optimize(
    package: &Package,
    level: Level,
    path: &Path,
    tools: &mut Tools<'_>,
    progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
) -> Result<ExportReport> {
    let contributed = Contributed { attention: level != Level::O1, fast_gelu: matches!(level, Level::O3 | Level::O4) };
    if level == Level::O4 {
        // An engine that fuses half precision for a processor would first turn it into something else.
        let options = ExportOptions { form: Form::F16, contributed, ..ExportOptions::default() };
        return onnx::export(package, path, &options, progress);
    }
    let plain = tools.scratch.join("plain.onnx");
    let options = ExportOptions { contributed, ..ExportOptions::default() };
    let mut exported = onnx::export(package, &plain, &options, progress)?;
    let rewriting = if level == Level::O1 { Rewriting::Basic } else { Rewriting::Extended };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .map_err(|err| Error::io(format!("failed to create the folder `{}`", folder.display())).with_source(err))?;
    tools.engine.rewrite(&plain, rewriting, path, tools.call)?;
    exported.data_path = None;
    exported.total_bytes = std::fs::metadata(path).map_or(0, |facts| facts.len());
    Ok(exported)
}

fn needs_texts(target: Target) -> Error {
    Error::invalid(format!("`{target}` needs ranges that were calibrated"))
}
