//! What a user can choose about a distillation.

use std::{fmt, str::FromStr};

use drivetrain_contract::{Error, Result};

/// How a package is to be distilled.
#[derive(Clone, Debug, PartialEq)]
pub struct DistillOptions {
    /// Dimensions to keep; `None` is 256, or all of them where the transformer or the vocabulary has fewer.
    pub dims: Option<usize>,
    /// Element type of the table.
    pub table_type: TableType,
    /// The `a` of the weight `a / (a + p)`, between 0 and 1; `None` leaves all tokens at equal weight.
    pub sif_coefficient: Option<f64>,
    /// Tokens the session is given in one run.
    pub batch_size: usize,
}

impl Default for DistillOptions {
    fn default() -> Self {
        Self { dims: None, table_type: TableType::F16, sif_coefficient: Some(1e-4), batch_size: 256 }
    }
}

impl DistillOptions {
    /// Fails for values that no model could satisfy.
    pub(crate) fn check(&self) -> Result<()> {
        if self.dims == Some(0) {
            return Err(Error::invalid("`dims` must be at least 1"));
        }
        if self.batch_size == 0 {
            return Err(Error::invalid("`batch_size` must be at least 1"));
        }
        match self.sif_coefficient {
            Some(a) if !(a > 0.0 && a < 1.0) => Err(Error::invalid(format!("`sif_coefficient` is {a}"))
                .with_hint("a number above 0 and below 1; 0.0001 is usual")),
            _ => Ok(()),
        }
    }
}

/// Element type of a static table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TableType {
    /// 32-bit float.
    F32,
    /// 16-bit float, 5 exponent bits.
    F16,
    /// Signed 8-bit integer with one 32-bit scale for each row.
    I8,
}

impl TableType {
    /// Every type, most exact first.
    pub const ALL: [TableType; 3] = [TableType::F32, TableType::F16, TableType::I8];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TableType::F32 => "f32",
            TableType::F16 => "f16",
            TableType::I8 => "i8",
        }
    }

    /// The name `config.json` of a model2vec package has for it.
    pub(super) fn numpy_name(self) -> &'static str {
        match self {
            TableType::F32 => "float32",
            TableType::F16 => "float16",
            TableType::I8 => "int8",
        }
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TableType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|table_type| table_type.name() == text)
            .ok_or_else(|| Error::invalid(format!("unknown table type `{text}`")).with_hint("one of f32, f16, i8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_refused() {
        let usual = DistillOptions::default;
        assert!(usual().check().is_ok());
        assert!(DistillOptions { sif_coefficient: None, ..usual() }.check().is_ok());
        for coefficient in [0.0, 1.0, -1e-4, f64::NAN, f64::INFINITY] {
            let options = DistillOptions { sif_coefficient: Some(coefficient), ..usual() };
            assert!(options.check().unwrap_err().message().contains("sif_coefficient"), "{coefficient}");
        }
        assert!(DistillOptions { dims: Some(0), ..usual() }.check().is_err());
        assert!(DistillOptions { batch_size: 0, ..usual() }.check().is_err());
    }

    #[test]
    fn table_types_round_trip() {
        for table_type in TableType::ALL {
            assert_eq!(table_type.to_string().parse::<TableType>().unwrap(), table_type);
        }
        assert!("int4".parse::<TableType>().is_err());
    }
}
