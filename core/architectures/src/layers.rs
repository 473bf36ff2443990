//! The layers every architecture is built of, holding handles of their weights.

use drivetrain_contract::Result;

use crate::{Layout, Ops, WeightScope};

/// `x · weightᵀ + bias`.
#[derive(Clone, Debug)]
pub struct Linear<W> {
    name: String,
    weight: W,
    bias: Option<W>,
}

impl<W> Linear<W> {
    /// Takes `name.weight` `[outputs, inputs]` and `name.bias` `[outputs]`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a tensor that is missing or of another shape.
    pub fn load(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        let bias = scope.load(&[&format!("{name}.bias")], &shape[..1], Layout::Plain)?;
        Ok(Self { bias: Some(bias), ..Self::load_without_bias(scope, name, shape)? })
    }

    /// Takes `name.weight` `[outputs, inputs]` alone.
    ///
    /// # Errors
    /// As for [`Linear::load`].
    pub fn load_without_bias(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        let weight = scope.load(&[&format!("{name}.weight")], &shape, Layout::Linear)?;
        Ok(Self { name: scope.label(name), weight, bias: None })
    }

    /// `[…, inputs]` to `[…, outputs]`.
    ///
    /// # Errors
    /// Those of the operations.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.linear(x, &self.weight, self.bias.as_ref())
    }
}

/// Normalisation over the last axis.
#[derive(Clone, Debug)]
pub struct LayerNorm<W> {
    name: String,
    weight: W,
    bias: W,
    eps: f32,
}

impl<W> LayerNorm<W> {
    /// Takes `name.weight` and `name.bias`, each `[hidden]`, or `name.gamma` and `name.beta`, as checkpoints converted
    /// from TensorFlow call them.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a tensor that is missing or of another shape.
    pub fn load(scope: &mut WeightScope<'_, '_, W>, name: &str, hidden: usize, eps: f32) -> Result<Self> {
        let mut vector = |new: &str, old: &str| {
            scope.load(&[&format!("{name}.{new}"), &format!("{name}.{old}")], &[hidden], Layout::Plain)
        };
        let weight = vector("weight", "gamma")?;
        let bias = vector("bias", "beta")?;
        Ok(Self { name: scope.label(name), weight, bias, eps })
    }

    /// `[…, hidden]` to the same shape.
    ///
    /// # Errors
    /// Those of the operations.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// A table of rows.
#[derive(Clone, Debug)]
pub struct Embedding<W> {
    name: String,
    table: W,
}

impl<W> Embedding<W> {
    /// Takes `name.weight` `[rows, hidden]`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a tensor that is missing or of another shape.
    pub fn load(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        let table = scope.load(&[&format!("{name}.weight")], &shape, Layout::Plain)?;
        Ok(Self { name: scope.label(name), table })
    }

    /// Integer `[…]` to `[…, hidden]`.
    ///
    /// # Errors
    /// Those of the operations.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, ids: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.embedding(&self.table, ids)
    }
}
