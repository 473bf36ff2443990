//! Positions of tokens, and scores by the distance between them.

use drivetrain_architectures::RelativeScores;

use super::{
    arithmetic::Transposed,
    graph::{Graph, Value},
    operation,
};
use crate::onnx::ElementType;

impl Graph<'_> {
    /// The integers `0..S` as `[1, S]`, for `like` `[B, S]`.
    pub(super) fn token_positions(&mut self, like: Value) -> Value {
        let shape = self.shape_of(like);
        let (zero, one) = (self.int(0), self.int(1));
        let length = self.gathered(shape, one, 0);
        let range = self.layer(operation::RANGE, &[zero, length, one], &[("output_type", &"i64")]);
        self.unsqueezed(range, &[0])
    }

    /// `padding_id` where a token is that, elsewhere as many more as there were other tokens so far.
    pub(super) fn counted_positions(&mut self, ids: Value, padding_id: i64) -> Value {
        let (padding, axis) = (self.int(padding_id), self.int(1));
        let attributes: [(&'static str, &dyn std::fmt::Display); 1] = [("auto_broadcast", &"numpy")];
        let is_token = self.typed_layer(operation::NOT_EQUAL, &[ids, padding], &attributes, &[ElementType::Bool]);
        let is_token = self.convert(is_token, ElementType::I64);
        let count = self.layer(operation::CUM_SUM, &[is_token, axis], &[("exclusive", &false), ("reverse", &false)]);
        let position = self.binary(operation::MULTIPLY, count, is_token);
        self.binary(operation::ADD, position, padding)
    }

    /// Where keys lie as seen from queries, `[S, S]`.
    pub(super) fn distances(&mut self, like: Value) -> Value {
        let keys = self.token_positions(like);
        let queries = self.transposed(keys, &[1, 0]);
        self.binary(operation::SUBTRACT, keys, queries)
    }

    /// `table[min(max(x, -n), n) + n]`, with a table of `2 n + 1` integers.
    pub(super) fn clamped_lookup(&mut self, x: Value, table: &[i64]) -> Value {
        let far = (table.len() / 2) as i64;
        let (lowest, highest) = (self.int(-far), self.int(far));
        let x = self.binary(operation::MAXIMUM, x, lowest);
        let x = self.binary(operation::MINIMUM, x, highest);
        let idx = self.binary(operation::ADD, x, highest);
        let table = self.int_row(table);
        self.gathered(table, idx, 0)
    }

    /// Scores `[B, heads, S, S]` of each head of `x` with the rows that the index names.
    pub(super) fn scores_by_row(&mut self, inputs: &RelativeScores<'_, Value>) -> Value {
        let RelativeScores { x, rows, index, heads, head_dim } = *inputs;
        let query = self.by_head(*x, [heads, head_dim], &[0, 2, 1, 3]);
        let rows = self.reshaped(*rows, &[0, heads as i64, head_dim as i64]);
        let rows = self.transposed(rows, &[1, 2, 0]);
        let scores = self.product(query, rows, Transposed::No);
        let index = self.expanded(*index, scores);
        self.layer(operation::GATHER_ELEMENTS, &[scores, index], &[("axis", &3)])
    }

    /// An index `[S, S]` for each head of each text, as `scores` `[B, heads, S, n]` has them. It is large and the same
    /// for every layer, so that it is made once.
    fn expanded(&mut self, index: Value, scores: Value) -> Value {
        if let Some(&known) = self.expanded.get(&index) {
            return known;
        }
        let shape = self.shape_of(scores);
        let axes = self.int_row(&[0, 1]);
        let batch = self.gathered(shape, axes, 0);
        let square = self.shape_of(index);
        let shape = self.layer(operation::CONCAT, &[batch, square], &[("axis", &0)]);
        let expanded = self.layer(operation::BROADCAST, &[index, shape], &[("mode", &"numpy")]);
        self.expanded.insert(index, expanded);
        expanded
    }

    fn shape_of(&mut self, x: Value) -> Value {
        self.typed_layer(operation::SHAPE_OF, &[x], &[("output_type", &"i64")], &[ElementType::I64])
    }
}
