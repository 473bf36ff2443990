//! What a backend is given of a model: its artifacts and a description of what they compute.

use std::path::PathBuf;

use crate::Precision;

/// Names of artifact formats.
pub mod format {
    /// An ONNX graph, with or without external data.
    pub const ONNX: &str = "onnx";
    /// An OpenVINO IR pair, named by its `.xml`.
    pub const OPENVINO_IR: &str = "openvino-ir";
    /// A TorchScript archive.
    pub const TORCHSCRIPT: &str = "torchscript";
    /// Transformer weights in safetensors, without a graph.
    pub const SAFETENSORS: &str = "safetensors";
    /// Transformer weights as `torch.save` writes them, without a graph.
    pub const PYTORCH: &str = "pytorch";
    /// A static embedding table in safetensors.
    pub const STATIC: &str = "static";
    /// A `tokenizer.json`.
    pub const TOKENIZER: &str = "tokenizer";
}

/// One file of a model, in one precision.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// One of [`mod@format`], or a name of the backend's own.
    pub format: String,
    /// Precision of the weights inside.
    pub precision: Precision,
    /// Where the bytes are.
    pub data: ArtifactData,
}

/// Where an artifact's bytes are.
#[derive(Clone, Debug)]
pub enum ArtifactData {
    /// A file; other files beside it may belong to it.
    Path(PathBuf),
    /// Bytes in memory for the life of the process, as of a model compiled in.
    Static(&'static [u8]),
}

impl ArtifactData {
    /// The bytes, if they are in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Path(_) => None,
            Self::Static(bytes) => Some(bytes),
        }
    }

    /// What a message calls it: the path, or `in-memory artifact`.
    pub fn label(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            _ => "in-memory artifact".to_owned(),
        }
    }
}

/// A model as a backend sees it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Every artifact on offer; the backend picks by format and precision.
    pub artifacts: Vec<Artifact>,
    /// JSON: `{"config": …, "modules": […], "max_seq_length": n}` where `config` is the package's `config.json` and
    /// `modules` its module list with each module's own configuration inlined.
    pub description_json: String,
}

impl Model {
    /// The first artifact of `format`.
    pub fn artifact(&self, format: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.format == format)
    }
}
