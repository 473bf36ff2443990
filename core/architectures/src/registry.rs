//! The architectures this version knows, by the `model_type` of `config.json`.

use drivetrain_contract::{Error, Inputs, Result};
use drivetrain_package::{Package, Weights};

use crate::{Bert, BertConfig, LoadWeight, Ops, TokenInputs};

/// Every `model_type` that [`Architecture::load`] knows.
pub const KNOWN_MODEL_TYPES: [&str; 1] = ["bert"];

/// A transformer of any known architecture.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Architecture<W> {
    /// `bert`
    Bert(Bert<W>),
}

impl<W> Architecture<W> {
    /// The transformer of `package`, with every weight taken from `weights`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for an architecture that is not known,
    /// [`drivetrain_contract::ErrorKind::Model`] for a configuration or weights that are not as they must be.
    pub fn load<'a>(package: &Package, weights: &'a Weights, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        match package.model_type() {
            Some("bert") => Ok(Self::Bert(Bert::load(BertConfig::of(package)?, weights, load)?)),
            other => Err(unknown(package, other)),
        }
    }

    /// The token inputs it takes.
    pub fn inputs(&self) -> Inputs {
        match self {
            Self::Bert(_) => Bert::<W>::INPUTS,
        }
    }

    /// Extent of its token vectors.
    pub fn hidden_size(&self) -> usize {
        match self {
            Self::Bert(bert) => bert.config().hidden_size,
        }
    }

    /// Token ids `[B, S]` to the last hidden state `[B, S, hidden_size]`.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without an input it needs.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, inputs: &TokenInputs<O::Tensor>) -> Result<O::Tensor> {
        match self {
            Self::Bert(bert) => bert.forward(ops, inputs),
        }
    }
}

fn unknown(package: &Package, model_type: Option<&str>) -> Error {
    let name = package.name();
    let message = match model_type {
        Some(model_type) => format!("`{name}` has the architecture `{model_type}`, which this version does not know"),
        None => format!("`{name}` does not say which architecture it has: its `config.json` has no `model_type`"),
    };
    Error::unsupported(message).with_hint(format!(
        "it knows {}; a package with an `onnx/model.onnx` of its own needs none of them",
        KNOWN_MODEL_TYPES.join(", ")
    ))
}
