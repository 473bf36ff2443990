//! How a graph stores its weights and computes.

use std::{collections::BTreeMap, rc::Rc};

/// How a graph stores its weights and computes. Its inputs and outputs stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Form {
    /// 32-bit floats: the reference.
    #[default]
    F32,
    /// 16-bit floats with 5 bits of exponent; what comes after the tokens (pooling, normalisation) in 32 bits.
    F16,
    /// 16-bit floats with 8 bits of exponent, otherwise as [`Form::F16`].
    Bf16,
    /// Linear layers over tokens multiply 8-bit integers, tables are stored in them, and all else is in 32-bit floats.
    Int8(Int8),
}

/// How linear layers multiply 8-bit integers.
///
/// Weights have a step for each output and are symmetric around 0; activations have one step and a zero point for a
/// whole tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Int8 {
    /// Where the ranges of activations come from.
    pub activations: Activations,
    /// Store weights as `0..=255` around 128 instead of `-127..=127`, which is what processors with AVX2 alone multiply
    /// without overflowing.
    pub unsigned_weights: bool,
    /// Use 7 bits of the 8 for weights, for processors whose sums of two products overflow 16 bits.
    pub reduced_range: bool,
    /// Keep tables of embeddings in 32-bit floats.
    pub float_tables: bool,
    /// What differs from the default, by the site's name: that of the first matrix that is multiplied by it, with
    /// `#2`, `#3`, … where an architecture uses one matrix several times.
    pub sites: BTreeMap<String, SiteForm>,
}

/// Where the ranges of activations come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activations {
    /// From the activations themselves, at every run. A site that is not listed is quantised.
    #[default]
    Measured,
    /// From calibration. A site that is not listed stays in floats.
    Calibrated,
}

/// How one site, the input of one or more linear layers, is multiplied.
#[derive(Clone, Debug, PartialEq)]
pub enum SiteForm {
    /// In 32-bit floats.
    Float,
    /// In 8-bit integers.
    Int8(SiteNumbers),
}

/// What is known of the values at a site.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteNumbers {
    /// Divisor of each channel before it is rounded; weights are multiplied by the same, so that the product stays what
    /// it was. `None` is 1 for all.
    pub smoothing: Option<Rc<[f32]>>,
    /// Channels, in ascending order, that are multiplied in floats beside the others: the few whose values or weights
    /// are so large that every other one would be rounded away.
    pub outliers: Rc<[usize]>,
    /// Lowest and highest value after smoothing, for [`Activations::Calibrated`].
    pub range: Option<(f32, f32)>,
    /// What is added to the bias of a layer, by the name of its matrix, so that the mean of its output stays what it
    /// was.
    pub corrections: BTreeMap<String, Rc<[f32]>>,
}

/// The instruction sets that [Optimum](https://huggingface.co/docs/optimum-onnx) has presets for
/// (`AutoQuantizationConfig`), with its choices: a step for each output of a layer, unsigned activations, 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Int8Preset {
    /// ARM processors.
    Arm64,
    /// x86 processors with AVX2: unsigned weights.
    Avx2,
    /// x86 processors with AVX-512.
    Avx512,
    /// x86 processors with AVX-512 VNNI.
    Avx512Vnni,
}

impl Int8Preset {
    /// Every preset, in the order of this list.
    pub const ALL: [Self; 4] = [Self::Arm64, Self::Avx2, Self::Avx512, Self::Avx512Vnni];

    /// The preset for the processor this runs on.
    pub fn of_this_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected;
            match (is_x86_feature_detected!("avx512vnni"), is_x86_feature_detected!("avx512f")) {
                (true, _) => Self::Avx512Vnni,
                (_, true) => Self::Avx512,
                _ => Self::Avx2,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::Arm64
    }

    /// The name, as Optimum spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512_vnni",
        }
    }

    /// The name sentence-transformers gives the file: `model_qint8_avx512_vnni.onnx`.
    pub fn file_name(self) -> String {
        let weights = if self.unsigned_weights() { "quint8" } else { "qint8" };
        format!("model_{weights}_{}.onnx", self.name())
    }

    /// Whether weights are stored as `0..=255`.
    pub fn unsigned_weights(self) -> bool {
        self == Self::Avx2
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// What an export needs to know.
    pub fn int8(self) -> Int8 {
        Int8 { unsigned_weights: self.unsigned_weights(), ..Int8::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_the_ecosystem_names_them() {
        let names = Int8Preset::ALL.map(Int8Preset::file_name);
        let expect = ["qint8_arm64", "quint8_avx2", "qint8_avx512", "qint8_avx512_vnni"];
        assert_eq!(names, expect.map(|suffix| format!("model_{suffix}.onnx")));
    }
}
