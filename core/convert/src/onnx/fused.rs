//! Operators that ONNX Runtime adds to the standard, where its optimiser does not fuse them by itself.
//!
//! `MultiHeadAttention` is one of them: the optimiser makes it of patterns in older operator sets only. `FastGelu`
//! changes numbers, so that no optimiser makes it unasked. All else (`SkipLayerNormalization`, `BiasGelu`) it fuses when
//! a graph is loaded.

use drivetrain_architectures::AttentionInputs;

use super::{
    graph::{Graph, Value},
    schema::{Attribute, ElementType},
};

/// Operators of ONNX Runtime's own to use; no other engine need know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contributed {
    /// `MultiHeadAttention`, where attention is over all tokens of a text without a bias.
    pub attention: bool,
    /// `FastGelu`, the tanh approximation, in place of GELU.
    pub fast_gelu: bool,
}

impl Graph<'_> {
    /// Takes note of what a bias was made of, in the form that the operator wants.
    pub(super) fn note_padding(&mut self, bias: &Value, mask: &Value) {
        if self.contributed.attention {
            let mask = self.cast(mask, ElementType::I32);
            self.padding.insert(bias.clone(), mask);
        }
    }

    /// Attention in one node, where that is wanted and does the same.
    pub(super) fn fused_attention(&mut self, inputs: &AttentionInputs<'_, Value>) -> Option<Value> {
        let mask = self.padding.get(inputs.bias)?.clone();
        if inputs.heads != inputs.kv_heads {
            return None;
        }
        let [query, key, value] = [inputs.query, inputs.key, inputs.value].map(|x| self.narrowed(x));
        let none = Value::from("");
        let attributes =
            [Attribute::Int("num_heads", inputs.heads as i64), Attribute::Float("scale", 1.0 / inputs.divisor)];
        Some(self.node("MultiHeadAttention", &[&query, &key, &value, &none, &mask], &attributes))
    }
}
