//! What a transformer can be converted to, and under which name the ecosystem looks for it.

use std::{fmt, str::FromStr};

use drivetrain_contract::{Error, Precision, Result, format};

use crate::onnx::Int8Preset;

/// A graph that a package can be converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// ONNX in 32-bit floats.
    Onnx,
    /// ONNX as ONNX Runtime rewrites it.
    Optimized(Level),
    /// ONNX in 16-bit floats with 5 bits of exponent.
    OnnxFp16,
    /// ONNX in 16-bit floats with 8 bits of exponent.
    OnnxBf16,
    /// ONNX in 8-bit integers, with ranges of activations that are measured at every run.
    OnnxInt8(Int8Preset),
    /// ONNX in 8-bit integers, with ranges that were calibrated.
    OnnxInt8Static,
    /// OpenVINO IR in 32-bit floats.
    Openvino,
    /// OpenVINO IR with weights in 16-bit floats.
    OpenvinoFp16,
    /// OpenVINO IR in 8-bit integers, with ranges that were calibrated.
    OpenvinoInt8,
}

/// How far a graph is rewritten, as Optimum numbers it (`AutoOptimizationConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What is redundant removed.
    O1,
    /// Operations of transformers fused as well.
    O2,
    /// The tanh approximation of GELU as well.
    O3,
    /// In 16-bit floats as well, for graphics cards.
    O4,
}

impl Level {
    /// Every level, in order.
    pub const ALL: [Self; 4] = [Self::O1, Self::O2, Self::O3, Self::O4];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::O1 => "O1",
            Self::O2 => "O2",
            Self::O3 => "O3",
            Self::O4 => "O4",
        }
    }
}

impl Target {
    /// Every target; of the presets the one this program was built for.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Onnx];
        all.extend(Level::ALL.map(Self::Optimized));
        all.extend([Self::OnnxFp16, Self::OnnxBf16, Self::OnnxInt8(Int8Preset::of_this_machine())]);
        all.extend([Self::OnnxInt8Static, Self::Openvino, Self::OpenvinoFp16, Self::OpenvinoInt8]);
        all
    }

    /// What the command line calls it; presets share a name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Optimized(Level::O1) => "onnx-O1",
            Self::Optimized(Level::O2) => "onnx-O2",
            Self::Optimized(Level::O3) => "onnx-O3",
            Self::Optimized(Level::O4) => "onnx-O4",
            Self::OnnxFp16 => "onnx-fp16",
            Self::OnnxBf16 => "onnx-bf16",
            Self::OnnxInt8(_) => "onnx-int8",
            Self::OnnxInt8Static => "onnx-int8-static",
            Self::Openvino => "openvino",
            Self::OpenvinoFp16 => "openvino-fp16",
            Self::OpenvinoInt8 => "openvino-int8",
        }
    }

    /// Where it lies in the package's folder: the name that sentence-transformers and Optimum give it, where they do.
    pub fn file(self) -> String {
        match self {
            Self::Onnx => "onnx/model.onnx".to_owned(),
            Self::Optimized(level) => format!("onnx/model_{}.onnx", level.name()),
            Self::OnnxFp16 => "onnx/model_fp16.onnx".to_owned(),
            Self::OnnxBf16 => "onnx/model_bf16.onnx".to_owned(),
            Self::OnnxInt8(preset) => format!("onnx/{}", preset.file_name()),
            Self::OnnxInt8Static => "onnx/model_qint8_static.onnx".to_owned(),
            Self::Openvino => "openvino/openvino_model.xml".to_owned(),
            Self::OpenvinoFp16 => "openvino/openvino_model_fp16.xml".to_owned(),
            Self::OpenvinoInt8 => "openvino/openvino_model_qint8_quantized.xml".to_owned(),
        }
    }

    /// Its format, one of [`mod@drivetrain_contract::format`].
    pub fn format(self) -> &'static str {
        match self {
            Self::Openvino | Self::OpenvinoFp16 | Self::OpenvinoInt8 => format::OPENVINO_IR,
            _ => format::ONNX,
        }
    }

    /// What its weights are stored in.
    pub fn precision(self) -> Precision {
        match self {
            Self::Optimized(Level::O4) | Self::OnnxFp16 | Self::OpenvinoFp16 => Precision::F16,
            Self::OnnxBf16 => Precision::Bf16,
            Self::OnnxInt8(_) | Self::OnnxInt8Static | Self::OpenvinoInt8 => Precision::Int8,
            Self::Onnx | Self::Optimized(_) | Self::Openvino => Precision::F32,
        }
    }

    /// What it is computed in where nothing but its weights is to matter: OpenVINO widens those of its own format.
    pub fn computed_in(self) -> Precision {
        if self == Self::OpenvinoFp16 { Precision::F32 } else { self.precision() }
    }

    /// Whether ranges must be calibrated, so that texts are needed.
    pub fn is_calibrated(self) -> bool {
        matches!(self, Self::OnnxInt8Static | Self::OpenvinoInt8)
    }

    /// Whether calibration makes it better.
    pub fn gains_from_texts(self) -> bool {
        self.is_calibrated() || matches!(self, Self::OnnxInt8(_))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::all().into_iter().find(|target| target.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::all().into_iter().map(Self::name).collect();
            Error::invalid(format!("unknown target `{text}`")).with_hint(format!("one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_round_trip_and_files_differ() {
        for target in Target::all() {
            assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
        }
        let files: BTreeSet<String> = Target::all().into_iter().map(Target::file).collect();
        assert_eq!(files.len(), Target::all().len());
        assert!("onnx-O5".parse::<Target>().unwrap_err().hint().unwrap().contains("onnx-O4"));
    }
}
