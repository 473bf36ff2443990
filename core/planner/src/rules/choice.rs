//! What an answer offers: an engine, a precision, and which file of the model.

use std::fmt;

use drivetrain_contract::{Capabilities, DeviceKind, Precision};
use serde::Serialize;

use super::device;

/// One way to run a model, as far as rules say: what they leave open, the planner decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What the rules call it: `onnx-O4`.
    pub name: String,
    /// Id of the backend. There need not be one of this id.
    pub backend: String,
    /// Precision to compute in.
    pub precision: Precision,
    /// File of the model by its path in the package; none is whichever the backend reads in this precision.
    pub artifact: Option<String>,
    /// Kind of device; none is the one the facts speak of.
    pub device: Option<DeviceKind>,
    /// Input the session must take; none is any.
    pub input: Option<InputKind>,
}

/// A kind of input, by the names of [`drivetrain_contract::Batch::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Texts; the session tokenises.
    Text,
    /// Tokens without padding.
    Packed,
    /// Tokens in a rectangle.
    Padded,
}

impl InputKind {
    /// Every kind.
    pub const ALL: [InputKind; 3] = [InputKind::Text, InputKind::Packed, InputKind::Padded];

    /// The name in rules and messages.
    pub fn name(self) -> &'static str {
        match self {
            InputKind::Text => "text",
            InputKind::Packed => "packed",
            InputKind::Padded => "padded",
        }
    }

    /// The capability a device must have for it.
    pub fn capability(self) -> Capabilities {
        match self {
            InputKind::Text => Capabilities::TEXT_IN,
            InputKind::Packed => Capabilities::PACKED_IN,
            InputKind::Padded => Capabilities::PADDED_IN,
        }
    }
}

/// Everything but the name: `onnxruntime f16 onnx/model_O4.onnx on gpu`.
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.backend, self.precision)?;
        if let Some(artifact) = &self.artifact {
            write!(f, " {artifact}")?;
        }
        if let Some(kind) = self.device {
            write!(f, " on {}", device::name(kind))?;
        }
        match self.input {
            Some(input) => write!(f, " with {} input", input.name()),
            None => Ok(()),
        }
    }
}
