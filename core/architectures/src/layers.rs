//! The layers every architecture is built of, holding handles of their weights.

use drivetrain_contract::Result;

use crate::{Activation, Layout, Ops, WeightScope};

/// Whether a layer adds a vector at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bias {
    Present,
    Absent,
}

impl From<bool> for Bias {
    fn from(present: bool) -> Self {
        if present { Self::Present } else { Self::Absent }
    }
}

/// `x · weightᵀ + bias`.
#[derive(Clone, Debug)]
pub(crate) struct Linear<W> {
    name: String,
    weight: W,
    bias: Option<W>,
}

impl<W> Linear<W> {
    /// Takes `name.weight` `[outputs, inputs]` and `name.bias` `[outputs]`.
    pub(crate) fn load(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        Self::load_with(scope, name, shape, Bias::Present)
    }

    /// Takes `name.weight` `[outputs, inputs]` alone.
    pub(crate) fn load_without_bias(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        Self::load_with(scope, name, shape, Bias::Absent)
    }

    /// Takes `name.weight` `[outputs, inputs]`, and `name.bias` `[outputs]` where there is to be one.
    pub(crate) fn load_with(
        scope: &mut WeightScope<'_, '_, W>,
        name: &str,
        shape: [usize; 2],
        bias: Bias,
    ) -> Result<Self> {
        let bias = match bias {
            Bias::Present => Some(scope.load(&[&format!("{name}.bias")], &shape[..1], Layout::Plain)?),
            Bias::Absent => None,
        };
        let weight = scope.load(&[&format!("{name}.weight")], &shape, Layout::Linear)?;
        Ok(Self { name: scope.label(name), weight, bias })
    }

    /// `[…, inputs]` to `[…, outputs]`.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.linear(x, &self.weight, self.bias.as_ref())
    }
}

/// Normalisation over the last axis.
#[derive(Clone, Debug)]
pub(crate) struct Norm<W> {
    name: String,
    weight: W,
    kind: NormKind<W>,
    eps: f32,
}

#[derive(Clone, Debug)]
enum NormKind<W> {
    /// To mean 0 and variance 1.
    Layer { bias: Option<W> },
    /// To a mean square of 1.
    Rms,
}

impl<W> Norm<W> {
    /// Takes `name.weight` and `name.bias`, each `[hidden]`, or `name.gamma` and `name.beta`, as checkpoints converted
    /// from TensorFlow call them.
    pub(crate) fn layer(scope: &mut WeightScope<'_, '_, W>, name: &str, hidden: usize, eps: f32) -> Result<Self> {
        Self::layer_with(scope, name, (hidden, Bias::Present), eps)
    }

    /// As [`Norm::layer`], without the bias where there is to be none.
    pub(crate) fn layer_with(
        scope: &mut WeightScope<'_, '_, W>,
        name: &str,
        (hidden, bias): (usize, Bias),
        eps: f32,
    ) -> Result<Self> {
        let mut vector = |new: &str, old: &str| {
            scope.load(&[&format!("{name}.{new}"), &format!("{name}.{old}")], &[hidden], Layout::Plain)
        };
        let weight = vector("weight", "gamma")?;
        let bias = match bias {
            Bias::Present => Some(vector("bias", "beta")?),
            Bias::Absent => None,
        };
        Ok(Self { name: scope.label(name), weight, kind: NormKind::Layer { bias }, eps })
    }

    /// Takes `name.weight` `[hidden]`.
    pub(crate) fn rms(scope: &mut WeightScope<'_, '_, W>, name: &str, hidden: usize, eps: f32) -> Result<Self> {
        let weight = scope.load(&[&format!("{name}.weight")], &[hidden], Layout::Plain)?;
        Ok(Self { name: scope.label(name), weight, kind: NormKind::Rms, eps })
    }

    /// `[…, hidden]` to the same shape.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        match &self.kind {
            NormKind::Layer { bias } => ops.layer_norm(x, &self.weight, bias.as_ref(), self.eps),
            NormKind::Rms => ops.rms_norm(x, &self.weight, self.eps),
        }
    }
}

/// A table of rows.
#[derive(Clone, Debug)]
pub(crate) struct Embedding<W> {
    name: String,
    table: W,
}

impl<W> Embedding<W> {
    /// Takes `name.weight` `[rows, hidden]`.
    pub(crate) fn load(scope: &mut WeightScope<'_, '_, W>, name: &str, shape: [usize; 2]) -> Result<Self> {
        let table = scope.load(&[&format!("{name}.weight")], &shape, Layout::Plain)?;
        Ok(Self { name: scope.label(name), table })
    }

    /// Integer `[…]` to `[…, hidden]`.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, ids: &O::Tensor) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.embedding(&self.table, ids)
    }

    /// The whole table, `[rows, hidden]`.
    pub(crate) fn rows<O: Ops<Weight = W>>(&self, ops: &mut O) -> Result<O::Tensor> {
        ops.scope(&self.name);
        ops.weight(&self.table)
    }

    /// The handle of the table.
    pub(crate) fn table(&self) -> &W {
        &self.table
    }
}

/// Layers one after the other, each taking what the one before it gives.
#[derive(Clone, Debug)]
pub(crate) struct Steps<W>(pub(crate) Vec<Step<W>>);

/// One of [`Steps`].
#[derive(Clone, Debug)]
pub(crate) enum Step<W> {
    Linear(Linear<W>),
    Activation(Activation),
    Norm(Norm<W>),
}

impl<W> Steps<W> {
    /// `[…, inputs of the first]` to `[…, outputs of the last]`.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        self.0.iter().try_fold(x.clone(), |x, step| match step {
            Step::Linear(linear) => linear.forward(ops, &x),
            Step::Activation(activation) => ops.activation(&x, *activation),
            Step::Norm(norm) => norm.forward(ops, &x),
        })
    }
}
