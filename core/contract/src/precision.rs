//! Numeric precisions of weights and compute, alone and as sets.

use std::{fmt, str::FromStr};

use crate::{Error, Result};

bitflags::bitflags! {
    /// A set of precisions. The bits are those of the plugin ABI.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
    pub struct Precisions: u64 {
        /// 32-bit float.
        const F32 = 1;
        /// 16-bit float, 5 exponent bits.
        const F16 = 2;
        /// 16-bit float, 8 exponent bits.
        const BF16 = 4;
        /// Signed 8-bit integer.
        const I8 = 8;
        /// Unsigned 8-bit integer.
        const U8 = 16;
        /// Signed 4-bit integer.
        const I4 = 32;
        /// 8-bit float.
        const F8 = 64;
    }
}

/// The precision a session computes in, or an artifact stores its weights in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit float: the reference.
    F32,
    /// 16-bit float, 5 exponent bits.
    F16,
    /// 16-bit float, 8 exponent bits.
    Bf16,
    /// 8-bit integers, signed or unsigned, as the artifact has them.
    Int8,
}

impl Precision {
    /// Every precision, most exact first.
    pub const ALL: [Precision; 4] = [Precision::F32, Precision::Bf16, Precision::F16, Precision::Int8];

    /// The name used in profiles, on the command line and in plans.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }

    /// The set that holds only this precision.
    pub fn set(self) -> Precisions {
        match self {
            Precision::F32 => Precisions::F32,
            Precision::F16 => Precisions::F16,
            Precision::Bf16 => Precisions::BF16,
            Precision::Int8 => Precisions::I8,
        }
    }

    /// The precision a one-element set stands for.
    pub fn from_set(set: Precisions) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.set() == set)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == text).ok_or_else(|| {
            Error::invalid(format!("unknown precision `{text}`")).with_hint("one of f32, bf16, f16, int8")
        })
    }
}

impl Precisions {
    /// The members by name, as shown in tables: `f32, bf16`.
    pub fn names(self) -> String {
        let names: Vec<String> = self.iter_names().map(|(name, _)| name.to_lowercase()).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sets_round_trip() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse::<Precision>().unwrap(), precision);
            assert_eq!(Precision::from_set(precision.set()), Some(precision));
        }
        assert!("fp32".parse::<Precision>().is_err());
        assert_eq!((Precisions::F32 | Precisions::BF16).names(), "f32, bf16");
    }
}
