//! The operations of architectures, emitted as ONNX nodes.
//!
//! Where several sequences of nodes compute the same, the one chosen is what ONNX Runtime's optimiser recognises and
//! fuses: the order of operands matters to it. It fuses GELU, skip connections and the scaling of attention scores. A
//! single `Attention` node it makes in older operator sets only (seen with 11, not with 14), which have no
//! `LayerNormalization`; on a CPU that gained 0 to 7 %.

use std::f32::consts::{FRAC_2_PI, SQRT_2};

use drivetrain_architectures::{Activation, AttentionInputs, Ops};
use drivetrain_contract::Result;

use super::{
    graph::{Graph, Value},
    schema::{Attribute, ElementType, Extent, SEQUENCE},
};

impl Graph<'_> {
    fn unary(&mut self, op: &'static str, x: &Value) -> Value {
        self.node(op, &[x], &[])
    }

    fn cast(&mut self, x: &Value, to: ElementType) -> Value {
        self.node("Cast", &[x], &[Attribute::Int("to", to as i64)])
    }

    fn unsqueeze(&mut self, x: &Value, axis: i64) -> Value {
        let axes = self.ints(&[axis]);
        self.node("Unsqueeze", &[x, &axes], &[])
    }

    fn with_scalar(&mut self, op: &'static str, x: &Value, scalar: f32) -> Value {
        let scalar = self.float(scalar);
        self.node(op, &[x, &scalar], &[])
    }

    /// `[B, S, heads · head_dim]` to the four axes that `perm` orders, of `[B, S, heads, head_dim]`.
    fn split_heads(&mut self, x: &Value, inputs: &AttentionInputs<'_, Value>, perm: &[i64; 4]) -> Value {
        // 0 keeps the extent of the input.
        let shape = self.ints(&[0, 0, inputs.heads as i64, inputs.head_dim as i64]);
        let split = self.node("Reshape", &[x, &shape], &[]);
        self.node("Transpose", &[&split], &[Attribute::Ints("perm", perm)])
    }

    fn gelu(&mut self, x: &Value) -> Value {
        let scaled = self.with_scalar("Div", x, SQRT_2);
        let erf = self.unary("Erf", &scaled);
        let shifted = self.with_scalar("Add", &erf, 1.0);
        let product = self.node("Mul", &[x, &shifted], &[]);
        self.with_scalar("Mul", &product, 0.5)
    }

    fn gelu_tanh(&mut self, x: &Value) -> Value {
        let cube = self.with_scalar("Pow", x, 3.0);
        let cube = self.with_scalar("Mul", &cube, 0.044_715);
        let inner = self.node("Add", &[x, &cube], &[]);
        let inner = self.with_scalar("Mul", &inner, FRAC_2_PI.sqrt());
        let tanh = self.unary("Tanh", &inner);
        let shifted = self.with_scalar("Add", &tanh, 1.0);
        let half = self.with_scalar("Mul", x, 0.5);
        self.node("Mul", &[&half, &shifted], &[])
    }

    fn silu(&mut self, x: &Value) -> Value {
        let gate = self.unary("Sigmoid", x);
        self.node("Mul", &[x, &gate], &[])
    }
}

impl Ops for Graph<'_> {
    type Weight = Value;
    type Tensor = Value;

    fn scope(&mut self, name: &str) {
        self.set_scope(name);
    }

    fn embedding(&mut self, table: &Value, ids: &Value) -> Result<Value> {
        Ok(self.node("Gather", &[table, ids], &[]))
    }

    fn positions(&mut self, like: &Value) -> Result<Value> {
        let (zero, one) = (self.int(0), self.int(1));
        let shape = self.unary("Shape", like);
        let length = self.node("Gather", &[&shape, &one], &[]);
        let range = self.node("Range", &[&zero, &length, &one], &[]);
        let positions = self.unsqueeze(&range, 0);
        // Shape inference cannot know this. Without it, it loses the shapes of all that follows, and ONNX Runtime then
        // fuses no `SkipLayerNormalization`.
        self.declare(&positions, ElementType::I64, &[Extent::Fixed(1), SEQUENCE]);
        Ok(positions)
    }

    fn linear(&mut self, x: &Value, weight: &Value, bias: Option<&Value>) -> Result<Value> {
        let product = self.node("MatMul", &[x, weight], &[]);
        Ok(match bias {
            Some(bias) => self.node("Add", &[&product, bias], &[]),
            None => product,
        })
    }

    fn layer_norm(&mut self, x: &Value, weight: &Value, bias: &Value, eps: f32) -> Result<Value> {
        let attributes = [Attribute::Int("axis", -1), Attribute::Float("epsilon", eps)];
        Ok(self.node("LayerNormalization", &[x, weight, bias], &attributes))
    }

    fn activation(&mut self, x: &Value, activation: Activation) -> Result<Value> {
        Ok(match activation {
            Activation::Identity => x.clone(),
            Activation::Gelu => self.gelu(x),
            Activation::GeluTanh => self.gelu_tanh(x),
            Activation::Relu => self.unary("Relu", x),
            Activation::Sigmoid => self.unary("Sigmoid", x),
            Activation::Silu => self.silu(x),
            Activation::Tanh => self.unary("Tanh", x),
        })
    }

    fn attention_mask(&mut self, mask: &Value) -> Result<Value> {
        let mask = self.unsqueeze(mask, 1);
        let mask = self.unsqueeze(&mask, 2);
        let mask = self.cast(&mask, ElementType::F32);
        let one = self.float(1.0);
        let padding = self.node("Sub", &[&one, &mask], &[]);
        // The lowest float, as in the reference: finite, so that a row of nothing but padding does not become NaN.
        Ok(self.with_scalar("Mul", &padding, f32::MIN))
    }

    fn attention(&mut self, inputs: &AttentionInputs<'_, Value>) -> Result<Value> {
        let query = self.split_heads(inputs.query, inputs, &[0, 2, 1, 3]);
        let key = self.split_heads(inputs.key, inputs, &[0, 2, 3, 1]);
        let value = self.split_heads(inputs.value, inputs, &[0, 2, 1, 3]);
        let scores = self.node("MatMul", &[&query, &key], &[]);
        let scores = self.with_scalar("Div", &scores, (inputs.head_dim as f32).sqrt());
        let scores = self.node("Add", &[&scores, inputs.mask], &[]);
        let shares = self.node("Softmax", &[&scores], &[Attribute::Int("axis", 3)]);
        let context = self.node("MatMul", &[&shares, &value], &[]);
        let context = self.node("Transpose", &[&context], &[Attribute::Ints("perm", &[0, 2, 1, 3])]);
        let shape = self.ints(&[0, 0, (inputs.heads * inputs.head_dim) as i64]);
        Ok(self.node("Reshape", &[&context, &shape], &[]))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.node("Add", &[a, b], &[]))
    }

    fn sub(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.node("Sub", &[a, b], &[]))
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.node("Mul", &[a, b], &[]))
    }

    fn div(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.node("Div", &[a, b], &[]))
    }

    fn add_scalar(&mut self, x: &Value, constant: f32) -> Result<Value> {
        Ok(self.with_scalar("Add", x, constant))
    }

    fn clamp_min(&mut self, x: &Value, minimum: f32) -> Result<Value> {
        Ok(self.with_scalar("Max", x, minimum))
    }

    fn sqrt(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary("Sqrt", x))
    }

    fn to_float(&mut self, x: &Value) -> Result<Value> {
        Ok(self.cast(x, ElementType::F32))
    }

    fn unsqueeze_last(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unsqueeze(x, -1))
    }

    fn masked_fill(&mut self, x: &Value, mask: &Value, value: f32) -> Result<Value> {
        let keep = self.cast(mask, ElementType::Bool);
        let value = self.float(value);
        Ok(self.node("Where", &[&keep, x, &value], &[]))
    }

    fn sum_tokens(&mut self, x: &Value) -> Result<Value> {
        let axes = self.ints(&[1]);
        Ok(self.node("ReduceSum", &[x, &axes], &[Attribute::Int("keepdims", 0)]))
    }

    fn max_tokens(&mut self, x: &Value) -> Result<Value> {
        Ok(self.node("ReduceMax", &[x], &[Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 0)]))
    }

    fn first_index(&mut self, mask: &Value) -> Result<Value> {
        Ok(self.node("ArgMax", &[mask], &[Attribute::Int("axis", 1), Attribute::Int("keepdims", 1)]))
    }

    fn last_index(&mut self, mask: &Value) -> Result<Value> {
        // The largest position under the mask rather than ArgMax with `select_last_index`, which some readers lack.
        let positions = self.positions(mask)?;
        let positions = self.cast(&positions, ElementType::F32);
        let masked = self.node("Mul", &[&positions, mask], &[]);
        let last = self.node("ReduceMax", &[&masked], &[Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 1)]);
        Ok(self.cast(&last, ElementType::I64))
    }

    fn token_at(&mut self, x: &Value, index: &Value) -> Result<Value> {
        Ok(self.node("GatherND", &[x, index], &[Attribute::Int("batch_dims", 1)]))
    }

    fn concat_last(&mut self, parts: &[Value]) -> Result<Value> {
        let parts: Vec<&Value> = parts.iter().collect();
        Ok(self.node("Concat", &parts, &[Attribute::Int("axis", -1)]))
    }

    fn l2_norm(&mut self, x: &Value) -> Result<Value> {
        Ok(self.node("ReduceL2", &[x], &[Attribute::Ints("axes", &[-1]), Attribute::Int("keepdims", 1)]))
    }
}
