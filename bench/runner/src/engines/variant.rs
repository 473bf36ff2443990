//! Engines and precisions.

use std::fmt;

use clap::ValueEnum;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// ONNX Runtime
    Onnxruntime,
    /// OpenVINO
    Openvino,
    /// libtorch
    Libtorch,
}

/// A precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Precision {
    /// 32-bit floats
    F32,
    /// 16-bit floats with the exponent of 32-bit ones
    Bf16,
    /// Matrix products in 8 bits, everything else in f32
    Int8,
    /// Matrix products in 8 bits, everything else in bf16
    Int8Bf16,
}

/// An engine in a precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) engine: Engine,
    pub(crate) precision: Precision,
}

impl Engine {
    /// As profiles name it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Onnxruntime => "onnxruntime",
            Self::Openvino => "openvino",
            Self::Libtorch => "libtorch",
        }
    }
}

impl Precision {
    /// As profiles name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 | Self::Int8Bf16 => "int8",
        }
    }

    /// What is computed in that is not in 8 bits.
    pub(crate) fn rest(self) -> &'static str {
        match self {
            Self::F32 | Self::Int8 => "f32",
            Self::Bf16 | Self::Int8Bf16 => "bf16",
        }
    }
}

impl Variant {
    /// All there are; the first is what the others are compared with.
    pub(crate) const ALL: [Self; 8] = [
        Self { engine: Engine::Onnxruntime, precision: Precision::F32 },
        Self { engine: Engine::Onnxruntime, precision: Precision::Int8 },
        Self { engine: Engine::Openvino, precision: Precision::F32 },
        Self { engine: Engine::Openvino, precision: Precision::Bf16 },
        Self { engine: Engine::Openvino, precision: Precision::Int8 },
        Self { engine: Engine::Openvino, precision: Precision::Int8Bf16 },
        Self { engine: Engine::Libtorch, precision: Precision::F32 },
        Self { engine: Engine::Libtorch, precision: Precision::Bf16 },
    ];
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.precision == Precision::Int8Bf16 { "+bf16" } else { "" };
        write!(f, "{} {}{rest}", self.engine.id(), self.precision.name())
    }
}
