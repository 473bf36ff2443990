//! The model as planning sees it: its files, those that could be made of it, and its size.

use drivetrain_contract::{Precision, format};
use drivetrain_package::Task;
use serde::{Deserialize, Serialize};

use super::{Absence, Room};

/// What planning has to know of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelFacts {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub task: Task,
    /// `model_type` of its `config.json`.
    pub architecture: Option<String>,
    /// Files an engine may read, those there first.
    pub files: Vec<ModelFile>,
    /// Most tokens of a text; `None` is no limit.
    pub max_tokens: Option<usize>,
    /// Why its weights can neither be run nor be turned into anything, where they cannot.
    pub obstacle: Option<Absence>,
    /// Extents of its layers, where its configuration says them.
    pub size: Option<Size>,
    /// The disk where files are made, where that is known.
    pub room: Option<Room>,
}

/// A file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Format, one of [`mod@drivetrain_contract::format`].
    pub format: String,
    /// What its weights are stored in.
    pub precision: Precision,
    /// Path in the package, as the ecosystem names it.
    pub path: String,
    /// Length in bytes, of a file that is still to be made about.
    pub bytes: u64,
    /// What `drivetrain convert --to` calls it where it is still to be made.
    pub target: Option<String>,
}

/// Extents of a transformer, by the names of Hugging Face's configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// `hidden_size`
    pub hidden: u64,
    /// `intermediate_size`
    pub intermediate: u64,
    /// `num_attention_heads`
    pub heads: u64,
}

/// Formats of weights as they are trained, which engines run by their architecture.
const WEIGHTS: [&str; 2] = [format::SAFETENSORS, format::PYTORCH];

impl ModelFacts {
    /// Whether a file is of no use, since the architecture is not known.
    pub(super) fn is_obstructed(&self, file: &ModelFile) -> bool {
        self.obstacle.is_some() && (file.target.is_some() || WEIGHTS.contains(&&*file.format))
    }
}

impl ModelFile {
    /// Whether it can be run in a precision: engines turn weights in f32 into half precision when they load them, and
    /// tables of static embeddings are summed in f32 whatever they are stored in.
    pub(super) fn serves(&self, precision: Precision) -> bool {
        match self.format.as_str() {
            format::STATIC => precision == Precision::F32,
            _ if self.precision == Precision::F32 => precision != Precision::Int8,
            _ => self.precision == precision,
        }
    }
}
