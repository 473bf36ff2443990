//! The operations of architectures, emitted as ONNX nodes.
//!
//! Where several sequences of nodes compute the same, the one chosen is what ONNX Runtime's optimiser recognises and
//! fuses: the order of operands matters to it. It fuses GELU, skip connections and the scaling of attention scores. A
//! single `Attention` node it makes in older operator sets only (seen with 11, not with 14), which have no
//! `LayerNormalization`; on a CPU that gained 0 to 7 %.

use std::f32::consts::{FRAC_2_PI, SQRT_2};

use drivetrain_architectures::{Activation, AttentionInputs, Ops, Reach, RelativeScores};
use drivetrain_contract::Result;

use super::{
    graph::{Facts, Graph, Value},
    schema::{Attribute, ElementType, Extent, SEQUENCE},
};

impl Graph<'_> {
    fn unary(&mut self, op: &'static str, x: &Value) -> Value {
        self.node(op, &[x], &[])
    }

    fn unsqueeze(&mut self, x: &Value, axis: i64) -> Value {
        let axes = self.ints(&[axis]);
        self.node("Unsqueeze", &[x, &axes], &[])
    }

    fn with_scalar(&mut self, op: &'static str, x: &Value, scalar: f32) -> Value {
        let scalar = self.float_like(x, scalar);
        self.node(op, &[x, &scalar], &[])
    }

    /// A node of two floats, which may differ in precision.
    pub(super) fn binary(&mut self, op: &'static str, a: &Value, b: &Value) -> Value {
        let [a, b] = self.aligned(a, b);
        self.node(op, &[&a, &b], &[])
    }

    /// Takes note that a value is of texts rather than of tokens.
    fn pooled(&mut self, x: Value) -> Value {
        let facts = Facts { is_pooled: true, ..self.facts(&x) };
        self.set_facts(&x, facts);
        x
    }

    /// `[B, S, heads · head_dim]` to the four axes that `perm` orders, of `[B, S, heads, head_dim]`.
    fn by_head(&mut self, x: &Value, [heads, head_dim]: [usize; 2], perm: &[i64; 4]) -> Value {
        // 0 keeps the extent of the input.
        let shape = self.ints(&[0, 0, heads as i64, head_dim as i64]);
        let split = self.node("Reshape", &[x, &shape], &[]);
        self.node("Transpose", &[&split], &[Attribute::Ints("perm", perm)])
    }

    /// Keys or values with each head as often as there are queries that share it: `[B, S, heads · head_dim]`.
    fn repeated(&mut self, x: &Value, inputs: &AttentionInputs<'_, Value>) -> Value {
        let AttentionInputs { heads, kv_heads, head_dim, .. } = *inputs;
        if heads == kv_heads {
            return x.clone();
        }
        let shape = self.ints(&[0, 0, kv_heads as i64, 1, head_dim as i64]);
        let split = self.node("Reshape", &[x, &shape], &[]);
        let shape = self.ints(&[1, 1, 1, (heads / kv_heads) as i64, 1]);
        let repeated = self.node("Expand", &[&split, &shape], &[]);
        let shape = self.ints(&[0, 0, (heads * head_dim) as i64]);
        self.node("Reshape", &[&repeated, &shape], &[])
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
        self.rows_in_form(table, ids)
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

    fn weight(&mut self, weight: &Value) -> Result<Value> {
        let weight = self.float_weight(weight)?;
        Ok(self.of_weights(weight))
    }

    fn constant(&mut self, values: &[f32], shape: &[usize]) -> Result<Value> {
        Ok(self.numbers(values, shape))
    }

    fn positions_after(&mut self, ids: &Value, padding_id: i64) -> Result<Value> {
        Ok(self.counted_positions(ids, padding_id))
    }

    fn relative_positions(&mut self, like: &Value) -> Result<Value> {
        let keys = self.positions(like)?;
        Ok(self.distances(&keys))
    }

    fn lookup(&mut self, x: &Value, table: &[i64]) -> Result<Value> {
        Ok(self.clamped_lookup(x, table))
    }

    fn linear(&mut self, x: &Value, weight: &Value, bias: Option<&Value>) -> Result<Value> {
        self.linear_in_form(x, weight, bias)
    }

    fn tied_linear(&mut self, x: &Value, table: &Value, bias: Option<&Value>) -> Result<Value> {
        let table = self.table_in_form(table)?;
        let matrix = self.node("Transpose", &[&table], &[Attribute::Ints("perm", &[1, 0])]);
        let product = self.node("MatMul", &[x, &matrix], &[]);
        let Some(bias) = bias else { return Ok(product) };
        let bias = self.float_weight(bias)?;
        Ok(self.node("Add", &[&product, &bias], &[]))
    }

    fn layer_norm(&mut self, x: &Value, weight: &Value, bias: Option<&Value>, eps: f32) -> Result<Value> {
        let attributes = [Attribute::Int("axis", -1), Attribute::Float("epsilon", eps)];
        let is_of_weights = self.facts(x).is_of_weights;
        let (x, weight) = (self.narrowed(x), self.float_weight(weight)?);
        let normalised = match bias {
            Some(bias) => {
                let bias = self.float_weight(bias)?;
                self.node("LayerNormalization", &[&x, &weight, &bias], &attributes)
            }
            None => self.node("LayerNormalization", &[&x, &weight], &attributes),
        };
        Ok(if is_of_weights { self.of_weights(normalised) } else { normalised })
    }

    fn rms_norm(&mut self, x: &Value, weight: &Value, eps: f32) -> Result<Value> {
        // Squares of halves overflow.
        let wide = self.widened(x);
        let square = self.with_scalar("Pow", &wide, 2.0);
        let mean =
            self.node("ReduceMean", &[&square], &[Attribute::Ints("axes", &[-1]), Attribute::Int("keepdims", 1)]);
        let mean = self.with_scalar("Add", &mean, eps);
        let root = self.unary("Sqrt", &mean);
        let normalised = self.node("Div", &[&wide, &root], &[]);
        let (normalised, weight) = (self.narrowed(&normalised), self.float_weight(weight)?);
        Ok(self.node("Mul", &[&normalised, &weight], &[]))
    }

    fn activation(&mut self, x: &Value, activation: Activation) -> Result<Value> {
        Ok(match activation {
            Activation::Identity => x.clone(),
            Activation::Gelu | Activation::GeluTanh if self.contributed.fast_gelu => self.unary("FastGelu", x),
            Activation::Gelu => self.gelu(x),
            Activation::GeluTanh => self.gelu_tanh(x),
            Activation::Relu => self.unary("Relu", x),
            Activation::Sigmoid => self.unary("Sigmoid", x),
            Activation::Silu => self.silu(x),
            Activation::Tanh => self.unary("Tanh", x),
        })
    }

    fn attention_mask(&mut self, mask: &Value, reach: Reach) -> Result<Value> {
        let column = self.unsqueeze(mask, 1);
        let column = self.unsqueeze(&column, 2);
        let mut visible = self.cast(&column, ElementType::F32);
        if let Some(table) = reach.table()? {
            let distances = self.relative_positions(mask)?;
            let near = self.clamped_lookup(&distances, &table);
            let near = self.cast(&near, ElementType::F32);
            visible = self.node("Mul", &[&near, &visible], &[]);
        }
        let one = self.float(1.0);
        let hidden = self.node("Sub", &[&one, &visible], &[]);
        // The lowest float, as in the reference: finite, so that a row of nothing but padding does not become NaN.
        let lowest = self.lowest();
        let bias = self.with_scalar("Mul", &hidden, lowest);
        let bias = self.narrowed(&bias);
        if reach == Reach::All {
            self.note_padding(&bias, mask);
        }
        Ok(bias)
    }

    fn attention(&mut self, inputs: &AttentionInputs<'_, Value>) -> Result<Value> {
        if let Some(context) = self.fused_attention(inputs) {
            return Ok(context);
        }
        let heads = [inputs.heads, inputs.head_dim];
        let (key, value) = (self.repeated(inputs.key, inputs), self.repeated(inputs.value, inputs));
        let query = self.by_head(inputs.query, heads, &[0, 2, 1, 3]);
        let key = self.by_head(&key, heads, &[0, 2, 3, 1]);
        let value = self.by_head(&value, heads, &[0, 2, 1, 3]);
        let scores = self.node("MatMul", &[&query, &key], &[]);
        let scores = self.with_scalar("Div", &scores, inputs.divisor);
        // A bias by distance is made of 32-bit numbers even where all else is in halves.
        let bias = if self.facts(&scores).is_half { self.narrowed(inputs.bias) } else { inputs.bias.clone() };
        let scores = self.node("Add", &[&scores, &bias], &[]);
        let shares = self.node("Softmax", &[&scores], &[Attribute::Int("axis", 3)]);
        let context = self.node("MatMul", &[&shares, &value], &[]);
        let context = self.node("Transpose", &[&context], &[Attribute::Ints("perm", &[0, 2, 1, 3])]);
        let shape = self.ints(&[0, 0, (inputs.heads * inputs.head_dim) as i64]);
        Ok(self.node("Reshape", &[&context, &shape], &[]))
    }

    fn relative_scores(&mut self, inputs: &RelativeScores<'_, Value>) -> Result<Value> {
        let query = self.by_head(inputs.x, [inputs.heads, inputs.head_dim], &[0, 2, 1, 3]);
        Ok(self.scores_by_row(&query, inputs))
    }

    fn split_heads(&mut self, x: &Value, heads: usize) -> Result<Value> {
        let shape = self.ints(&[0, 0, heads as i64, -1]);
        Ok(self.node("Reshape", &[x, &shape], &[]))
    }

    fn merge_heads(&mut self, x: &Value) -> Result<Value> {
        let shape = self.ints(&[0, 0, -1]);
        Ok(self.node("Reshape", &[x, &shape], &[]))
    }

    fn slice_last(&mut self, x: &Value, start: usize, len: usize) -> Result<Value> {
        let (starts, ends) = (self.ints(&[start as i64]), self.ints(&[(start + len) as i64]));
        let axes = self.ints(&[-1]);
        Ok(self.node("Slice", &[x, &starts, &ends, &axes], &[]))
    }

    fn permute(&mut self, x: &Value, axes: &[usize]) -> Result<Value> {
        let perm: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        Ok(self.node("Transpose", &[x], &[Attribute::Ints("perm", &perm)]))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary("Add", a, b))
    }

    fn sub(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary("Sub", a, b))
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary("Mul", a, b))
    }

    fn div(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary("Div", a, b))
    }

    fn add_scalar(&mut self, x: &Value, constant: f32) -> Result<Value> {
        Ok(self.with_scalar("Add", x, constant))
    }

    fn scale(&mut self, x: &Value, factor: f32) -> Result<Value> {
        Ok(self.with_scalar("Mul", x, factor))
    }

    fn clamp_min(&mut self, x: &Value, minimum: f32) -> Result<Value> {
        Ok(self.with_scalar("Max", x, minimum))
    }

    fn sqrt(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary("Sqrt", x))
    }

    fn abs(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary("Abs", x))
    }

    fn cos(&mut self, x: &Value) -> Result<Value> {
        let cos = self.unary("Cos", x);
        Ok(self.narrowed(&cos))
    }

    fn sin(&mut self, x: &Value) -> Result<Value> {
        let sin = self.unary("Sin", x);
        Ok(self.narrowed(&sin))
    }

    fn log1p(&mut self, x: &Value) -> Result<Value> {
        let shifted = self.with_scalar("Add", x, 1.0);
        Ok(self.unary("Log", &shifted))
    }

    fn to_float(&mut self, x: &Value) -> Result<Value> {
        Ok(self.cast(x, ElementType::F32))
    }

    fn unsqueeze_last(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unsqueeze(x, -1))
    }

    fn masked_fill(&mut self, x: &Value, mask: &Value, value: f32) -> Result<Value> {
        let keep = self.cast(mask, ElementType::Bool);
        let value = self.float_like(x, value);
        Ok(self.node("Where", &[&keep, x, &value], &[]))
    }

    fn sum_tokens(&mut self, x: &Value) -> Result<Value> {
        let (x, axes) = (self.widened(x), self.ints(&[1]));
        let sum = self.node("ReduceSum", &[&x, &axes], &[Attribute::Int("keepdims", 0)]);
        Ok(self.pooled(sum))
    }

    fn max_tokens(&mut self, x: &Value) -> Result<Value> {
        let attributes = [Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 0)];
        let largest = self.node("ReduceMax", &[x], &attributes);
        Ok(self.pooled(largest))
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
        let row = self.node("GatherND", &[x, index], &[Attribute::Int("batch_dims", 1)]);
        Ok(self.pooled(row))
    }

    fn concat_last(&mut self, parts: &[Value]) -> Result<Value> {
        let parts: Vec<&Value> = parts.iter().collect();
        Ok(self.node("Concat", &parts, &[Attribute::Int("axis", -1)]))
    }

    fn l2_norm(&mut self, x: &Value) -> Result<Value> {
        let x = self.widened(x);
        Ok(self.node("ReduceL2", &[&x], &[Attribute::Ints("axes", &[-1]), Attribute::Int("keepdims", 1)]))
    }
}
