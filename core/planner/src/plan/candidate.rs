//! One way to run a model.

use std::fmt;

use drivetrain_contract::{Device, DeviceKind, FormatSupport, Precision};
use serde::{Deserialize, Serialize};

use super::{
    Engine, ModelFacts, ModelFile,
    engine::{Release, label},
};
use crate::rules::Choice;

/// One way to run a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Id of the backend.
    pub backend: String,
    /// Which release of its library, where it is not the one that is loaded by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Id of the device.
    pub device: String,
    /// What the device is.
    pub kind: DeviceKind,
    /// Precision to compute in.
    pub precision: Precision,
    /// The file to load.
    pub file: ModelFile,
}

/// How a candidate is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Sessions side by side.
    pub sessions: usize,
    /// Threads of all of them together.
    pub threads: usize,
    /// Most tokens in a batch, padding included; `None` is what the engine is fastest with.
    pub batch_tokens: Option<usize>,
}

impl Shape {
    /// One session with one thread.
    pub const SMALLEST: Self = Self { sessions: 1, threads: 1, batch_tokens: None };
}

/// A candidate and what it was made of.
#[derive(Clone, Debug)]
pub(super) struct Possible<'a> {
    pub(super) candidate: Candidate,
    pub(super) device: &'a Device,
    pub(super) format: &'a FormatSupport,
}

/// Every engine that is there × device × precision × file that the engine reads and can run in it.
pub(super) fn possible<'a>(engines: &'a [Engine], model: &ModelFacts) -> Vec<Possible<'a>> {
    let mut all = Vec::new();
    for engine in engines {
        let Ok(probe) = &engine.found else { continue };
        for (device, precision) in probe.devices.iter().flat_map(|device| Precision::ALL.map(|one| (device, one))) {
            for file in model.files.iter().filter(|file| file.serves(precision)) {
                let reads = |format: &&FormatSupport| {
                    format.format == file.format && format.precisions.contains(file.precision.set())
                };
                let Some(format) = probe.formats.iter().find(reads) else { continue };
                let candidate = Candidate {
                    backend: engine.backend.clone(),
                    release: engine.release.clone(),
                    device: device.id.clone(),
                    kind: device.kind,
                    precision,
                    file: file.clone(),
                };
                all.push(Possible { candidate, device, format });
            }
        }
    }
    all
}

impl Candidate {
    /// What messages call its engine: `onnxruntime`, `onnxruntime 1.31.1`.
    pub fn engine(&self) -> String {
        label(&self.backend, self.release.as_ref())
    }

    /// Whether it is what rules offer, as far as the input leaves it open.
    pub(super) fn is(&self, choice: &Choice) -> bool {
        choice.backend == self.backend
            && choice.precision == self.precision
            && choice.device.is_none_or(|kind| kind == self.kind)
            && choice.artifact.as_ref().is_none_or(|path| *path == self.file.path)
    }
}

/// `onnxruntime on cpu in int8 from onnx/model_qint8_avx2.onnx`; `onnxruntime 1.31.1 on …` for another release
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} in {} from {}", self.engine(), self.device, self.precision, self.file.path)
    }
}
