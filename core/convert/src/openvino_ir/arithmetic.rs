//! Layers of a few operands, which the larger operations are put together from.

use drivetrain_architectures::{Activation, AttentionInputs};

use super::{
    graph::{Graph, Value},
    operation::{self, Operation},
};

impl Graph<'_> {
    /// An operation of two values, with numpy's broadcasting.
    pub(super) fn binary(&mut self, operation: Operation, a: Value, b: Value) -> Value {
        self.layer(operation, &[a, b], &[("auto_broadcast", &"numpy")])
    }

    /// `a / b`, which rounds down where these are integers.
    pub(super) fn divided(&mut self, a: Value, b: Value) -> Value {
        self.layer(operation::DIVIDE, &[a, b], &[("auto_broadcast", &"numpy"), ("m_pythondiv", &true)])
    }

    pub(super) fn with_float(&mut self, operation: Operation, x: Value, scalar: f32) -> Value {
        let scalar = self.float(scalar);
        self.binary(operation, x, scalar)
    }

    pub(super) fn unary(&mut self, operation: Operation, x: Value) -> Value {
        self.layer(operation, &[x], &[])
    }

    /// `a · b`, or `a · bᵀ`.
    pub(super) fn product(&mut self, a: Value, b: Value, b_is_transposed: Transposed) -> Value {
        let transpose_b = b_is_transposed == Transposed::Yes;
        self.layer(operation::MAT_MUL, &[a, b], &[("transpose_a", &false), ("transpose_b", &transpose_b)])
    }

    /// Sums, means and the like over one axis.
    pub(super) fn reduced(&mut self, operation: Operation, x: Value, axis: i64, keep: Keep) -> Value {
        let axes = self.int_row(&[axis]);
        self.layer(operation, &[x, axes], &[("keep_dims", &(keep == Keep::Axis))])
    }

    /// 0 keeps the extent of the input, -1 stands for what is left.
    pub(super) fn reshaped(&mut self, x: Value, shape: &[i64]) -> Value {
        let shape = self.int_row(shape);
        self.layer(operation::RESHAPE, &[x, shape], &[("special_zero", &true)])
    }

    pub(super) fn transposed(&mut self, x: Value, order: &[i64]) -> Value {
        let order = self.int_row(order);
        self.layer(operation::TRANSPOSE, &[x, order], &[])
    }

    pub(super) fn unsqueezed(&mut self, x: Value, axes: &[i64]) -> Value {
        let axes = self.int_row(axes);
        self.layer(operation::UNSQUEEZE, &[x, axes], &[])
    }

    /// The elements of `x` along `axis` that `indices` names.
    pub(super) fn gathered(&mut self, x: Value, indices: Value, axis: i64) -> Value {
        let axis = self.int(axis);
        self.layer(operation::GATHER, &[x, indices, axis], &[("batch_dims", &0)])
    }

    pub(super) fn activated(&mut self, x: Value, activation: Activation) -> Value {
        match activation {
            Activation::Identity => x,
            Activation::Gelu => self.layer(operation::GELU, &[x], &[("approximation_mode", &"ERF")]),
            Activation::GeluTanh => self.layer(operation::GELU, &[x], &[("approximation_mode", &"TANH")]),
            Activation::Relu => self.unary(operation::RELU, x),
            Activation::Sigmoid => self.unary(operation::SIGMOID, x),
            Activation::Silu => self.unary(operation::SWISH, x),
            Activation::Tanh => self.unary(operation::TANH, x),
        }
    }

    /// Mean 0 and variance 1 over the last axis.
    pub(super) fn normalised(&mut self, x: Value, eps: f32) -> Value {
        let axes = self.int_row(&[-1]);
        let attributes: [(&'static str, &dyn std::fmt::Display); 3] =
            [("eps", &eps), ("normalize_variance", &true), ("eps_mode", &"INSIDE_SQRT")];
        self.layer(operation::MVN, &[x, axes], &attributes)
    }

    /// `[B, S, heads · head_dim]` as `[B, S, heads, head_dim]`, with its axes in another order.
    pub(super) fn by_head(&mut self, x: Value, [heads, head_dim]: [usize; 2], order: &[i64; 4]) -> Value {
        let split = self.reshaped(x, &[0, 0, heads as i64, head_dim as i64]);
        self.transposed(split, order)
    }

    /// Keys or values with each head as often as there are queries that share it: `[B, S, heads · head_dim]`.
    pub(super) fn repeated(&mut self, x: Value, inputs: &AttentionInputs<'_, Value>) -> Value {
        let AttentionInputs { heads, kv_heads, head_dim, .. } = *inputs;
        if heads == kv_heads {
            return x;
        }
        let split = self.reshaped(x, &[0, 0, kv_heads as i64, 1, head_dim as i64]);
        let shape = self.int_row(&[1, 1, 1, (heads / kv_heads) as i64, 1]);
        let repeated = self.layer(operation::BROADCAST, &[split, shape], &[("mode", &"bidirectional")]);
        self.reshaped(repeated, &[0, 0, (heads * head_dim) as i64])
    }
}

/// Whether an operand of a product is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transposed {
    Yes,
    No,
}

/// What stays of an axis that is summed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// An axis of extent 1.
    Axis,
    /// Nothing.
    Nothing,
}
