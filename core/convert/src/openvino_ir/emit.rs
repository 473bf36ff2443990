//! The operations of architectures, as layers of OpenVINO's.
//!
//! Where several layers compute the same, those were chosen that its plugin for processors runs fastest.

use drivetrain_architectures::{Activation, AttentionInputs, Ops, Reach, RelativeScores};
use drivetrain_contract::Result;
use half::bf16;

use super::{
    arithmetic::{Keep, Transposed},
    graph::{Graph, Value, Weight},
    operation,
};
use crate::onnx::ElementType;

impl Ops for Graph<'_> {
    type Weight = Weight;
    type Tensor = Value;

    fn scope(&mut self, name: &str) {
        self.set_scope(name);
    }

    fn embedding(&mut self, table: &Weight, ids: &Value) -> Result<Value> {
        self.rows_in_form(table, *ids)
    }

    fn weight(&mut self, weight: &Weight) -> Result<Value> {
        let weight = self.float_weight(weight)?;
        Ok(self.of_weights(weight))
    }

    fn constant(&mut self, values: &[f32], shape: &[usize]) -> Result<Value> {
        Ok(self.floats(values, shape))
    }

    fn positions(&mut self, like: &Value) -> Result<Value> {
        Ok(self.token_positions(*like))
    }

    fn positions_after(&mut self, ids: &Value, padding_id: i64) -> Result<Value> {
        Ok(self.counted_positions(*ids, padding_id))
    }

    fn relative_positions(&mut self, like: &Value) -> Result<Value> {
        Ok(self.distances(*like))
    }

    fn lookup(&mut self, x: &Value, table: &[i64]) -> Result<Value> {
        Ok(self.clamped_lookup(*x, table))
    }

    fn linear(&mut self, x: &Value, weight: &Weight, bias: Option<&Weight>) -> Result<Value> {
        self.linear_in_form(*x, weight, bias)
    }

    fn tied_linear(&mut self, x: &Value, table: &Weight, bias: Option<&Weight>) -> Result<Value> {
        self.tied_linear_in_form(*x, table, bias)
    }

    fn layer_norm(&mut self, x: &Value, weight: &Weight, bias: Option<&Weight>, eps: f32) -> Result<Value> {
        let is_of_weights = self.facts(*x).is_of_weights;
        let normalised = self.normalised(*x, eps);
        let weight = self.float_weight(weight)?;
        let mut scaled = self.binary(operation::MULTIPLY, normalised, weight);
        if let Some(bias) = bias {
            let bias = self.float_weight(bias)?;
            scaled = self.binary(operation::ADD, scaled, bias);
        }
        Ok(if is_of_weights { self.of_weights(scaled) } else { scaled })
    }

    fn rms_norm(&mut self, x: &Value, weight: &Weight, eps: f32) -> Result<Value> {
        let square = self.with_float(operation::POWER, *x, 2.0);
        let mean = self.reduced(operation::REDUCE_MEAN, square, -1, Keep::Axis);
        let mean = self.with_float(operation::ADD, mean, eps);
        let root = self.unary(operation::SQRT, mean);
        let normalised = self.divided(*x, root);
        let weight = self.float_weight(weight)?;
        Ok(self.binary(operation::MULTIPLY, normalised, weight))
    }

    fn activation(&mut self, x: &Value, activation: Activation) -> Result<Value> {
        Ok(self.activated(*x, activation))
    }

    fn attention_mask(&mut self, mask: &Value, reach: Reach) -> Result<Value> {
        let column = self.unsqueezed(*mask, &[1, 2]);
        let mut visible = self.convert(column, ElementType::Bool);
        if let Some(table) = reach.table()? {
            let distances = self.distances(*mask);
            let near = self.clamped_lookup(distances, &table);
            let near = self.convert(near, ElementType::Bool);
            visible = self.binary(operation::LOGICAL_AND, near, visible);
        }
        // The lowest number that is finite whether the engine computes in 32 bits or in bf16.
        let (zero, lowest) = (self.float(0.0), self.float(bf16::MIN.to_f32()));
        Ok(self.selected(visible, zero, lowest))
    }

    /// `ScaledDotProductAttention` would say the same in one layer: on processors it runs as fast (0.99 to 1.02).
    fn attention(&mut self, inputs: &AttentionInputs<'_, Value>) -> Result<Value> {
        let heads = [inputs.heads, inputs.head_dim];
        let (key, value) = (self.repeated(*inputs.key, inputs), self.repeated(*inputs.value, inputs));
        let query = self.by_head(*inputs.query, heads, &[0, 2, 1, 3]);
        let key = self.by_head(key, heads, &[0, 2, 3, 1]);
        let value = self.by_head(value, heads, &[0, 2, 1, 3]);
        let scores = self.product(query, key, Transposed::No);
        let divisor = self.float(inputs.divisor);
        let scores = self.divided(scores, divisor);
        let scores = self.binary(operation::ADD, scores, *inputs.bias);
        let shares = self.layer(operation::SOFTMAX, &[scores], &[("axis", &3)]);
        let context = self.product(shares, value, Transposed::No);
        let context = self.transposed(context, &[0, 2, 1, 3]);
        Ok(self.reshaped(context, &[0, 0, (inputs.heads * inputs.head_dim) as i64]))
    }

    fn relative_scores(&mut self, inputs: &RelativeScores<'_, Value>) -> Result<Value> {
        Ok(self.scores_by_row(inputs))
    }

    fn split_heads(&mut self, x: &Value, heads: usize) -> Result<Value> {
        Ok(self.reshaped(*x, &[0, 0, heads as i64, -1]))
    }

    fn merge_heads(&mut self, x: &Value) -> Result<Value> {
        Ok(self.reshaped(*x, &[0, 0, -1]))
    }

    fn slice_last(&mut self, x: &Value, start: usize, len: usize) -> Result<Value> {
        let [start, stop, step, axis] = [start as i64, (start + len) as i64, 1, -1].map(|value| self.int_row(&[value]));
        Ok(self.layer(operation::SLICE, &[*x, start, stop, step, axis], &[]))
    }

    fn permute(&mut self, x: &Value, axes: &[usize]) -> Result<Value> {
        let order: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        Ok(self.transposed(*x, &order))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary(operation::ADD, *a, *b))
    }

    fn sub(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary(operation::SUBTRACT, *a, *b))
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.binary(operation::MULTIPLY, *a, *b))
    }

    fn div(&mut self, a: &Value, b: &Value) -> Result<Value> {
        Ok(self.divided(*a, *b))
    }

    fn add_scalar(&mut self, x: &Value, constant: f32) -> Result<Value> {
        Ok(self.with_float(operation::ADD, *x, constant))
    }

    fn clamp_min(&mut self, x: &Value, minimum: f32) -> Result<Value> {
        Ok(self.with_float(operation::MAXIMUM, *x, minimum))
    }

    fn sqrt(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary(operation::SQRT, *x))
    }

    fn abs(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary(operation::ABS, *x))
    }

    fn cos(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary(operation::COS, *x))
    }

    fn sin(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unary(operation::SIN, *x))
    }

    fn log1p(&mut self, x: &Value) -> Result<Value> {
        let shifted = self.with_float(operation::ADD, *x, 1.0);
        Ok(self.unary(operation::LOG, shifted))
    }

    fn to_float(&mut self, x: &Value) -> Result<Value> {
        Ok(self.convert(*x, ElementType::F32))
    }

    fn unsqueeze_last(&mut self, x: &Value) -> Result<Value> {
        Ok(self.unsqueezed(*x, &[-1]))
    }

    fn masked_fill(&mut self, x: &Value, mask: &Value, value: f32) -> Result<Value> {
        let keep = self.convert(*mask, ElementType::Bool);
        let value = self.float(value);
        Ok(self.selected(keep, *x, value))
    }

    fn sum_tokens(&mut self, x: &Value) -> Result<Value> {
        let sum = self.reduced(operation::REDUCE_SUM, *x, 1, Keep::Nothing);
        Ok(self.pooled(sum))
    }

    fn max_tokens(&mut self, x: &Value) -> Result<Value> {
        let largest = self.reduced(operation::REDUCE_MAX, *x, 1, Keep::Nothing);
        Ok(self.pooled(largest))
    }

    fn first_index(&mut self, mask: &Value) -> Result<Value> {
        let one = self.int(1);
        let attributes: [(&'static str, &dyn std::fmt::Display); 5] = [
            ("axis", &1),
            ("mode", &"max"),
            ("sort", &"value"),
            ("index_element_type", &"i64"),
            // The first of several that are equal.
            ("stable", &true),
        ];
        let largest =
            self.typed_layer(operation::TOP_K, &[*mask, one], &attributes, &[ElementType::F32, ElementType::I64]);
        Ok(Value { port: 1, ..largest })
    }

    fn last_index(&mut self, mask: &Value) -> Result<Value> {
        let positions = self.token_positions(*mask);
        let positions = self.convert(positions, ElementType::F32);
        let masked = self.binary(operation::MULTIPLY, positions, *mask);
        let last = self.reduced(operation::REDUCE_MAX, masked, 1, Keep::Axis);
        Ok(self.convert(last, ElementType::I64))
    }

    fn token_at(&mut self, x: &Value, index: &Value) -> Result<Value> {
        let (axis, axes) = (self.int(1), self.int_row(&[1]));
        let row = self.layer(operation::GATHER, &[*x, *index, axis], &[("batch_dims", &1)]);
        let row = self.layer(operation::SQUEEZE, &[row, axes], &[]);
        Ok(self.pooled(row))
    }

    fn concat_last(&mut self, parts: &[Value]) -> Result<Value> {
        Ok(self.layer(operation::CONCAT, parts, &[("axis", &-1)]))
    }

    fn l2_norm(&mut self, x: &Value) -> Result<Value> {
        Ok(self.reduced(operation::REDUCE_L2, *x, -1, Keep::Axis))
    }
}

impl Graph<'_> {
    /// `yes` where the condition holds, elsewhere `no`.
    fn selected(&mut self, condition: Value, yes: Value, no: Value) -> Value {
        let element_type = self.element_type(yes);
        self.typed_layer(operation::SELECT, &[condition, yes, no], &[("auto_broadcast", &"numpy")], &[element_type])
    }
}
