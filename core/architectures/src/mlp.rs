//! The feed-forward part of a layer.

use drivetrain_contract::Result;

use crate::{Activation, Ops, layers::Linear};

/// Up to a larger extent, through an activation, and down again.
#[derive(Clone, Debug)]
pub(crate) struct Mlp<W> {
    pub(crate) name: String,
    pub(crate) up: Up<W>,
    pub(crate) activation: Activation,
    pub(crate) down: Linear<W>,
}

/// What enters the activation, and what its result is multiplied by (Shazeer, arXiv:2002.05202).
#[derive(Clone, Debug)]
pub(crate) enum Up<W> {
    /// One matrix, and nothing to multiply by.
    Plain(Linear<W>),
    /// `activation(gate x) · (up x)`
    Gated { up: Linear<W>, gate: Linear<W> },
    /// The same from one matrix, which gives gate and factor one after the other, each `inner` wide.
    Packed { both: Linear<W>, inner: usize, gate: GatePlace },
}

/// Where the gate is among what one matrix gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GatePlace {
    First,
    Second,
}

impl<W> Mlp<W> {
    /// `[…, hidden]` to the same shape.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, x: &O::Tensor) -> Result<O::Tensor> {
        let (gate, factor) = match &self.up {
            Up::Plain(up) => (up.forward(ops, x)?, None),
            Up::Gated { up, gate } => (gate.forward(ops, x)?, Some(up.forward(ops, x)?)),
            Up::Packed { both, inner, gate } => {
                let both = both.forward(ops, x)?;
                let (first, second) = (ops.slice_last(&both, 0, *inner)?, ops.slice_last(&both, *inner, *inner)?);
                match gate {
                    GatePlace::First => (first, Some(second)),
                    GatePlace::Second => (second, Some(first)),
                }
            }
        };
        ops.scope(&self.name);
        let activated = ops.activation(&gate, self.activation)?;
        let inner = match factor {
            Some(factor) => ops.mul(&activated, &factor)?,
            None => activated,
        };
        self.down.forward(ops, &inner)
    }
}
