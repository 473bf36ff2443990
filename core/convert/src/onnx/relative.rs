//! Positions of tokens, and scores by the distance between them.

use drivetrain_architectures::RelativeScores;
use sha2::{Digest, Sha256};

use super::{
    graph::{Facts, Graph, Value},
    schema::{Attribute, ElementType},
};

impl Graph<'_> {
    /// Numbers of an architecture's own. Equal ones exist once.
    pub(super) fn numbers(&mut self, values: &[f32], shape: &[usize]) -> Value {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let name = format!("constant.f32.{}", digest(&bytes, shape));
        self.constant(name, ElementType::F32, shape.to_vec(), bytes)
    }

    /// Integers of an architecture's own, in a row. Equal ones exist once.
    fn table(&mut self, values: &[i64]) -> Value {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let name = format!("constant.i64.{}", digest(&bytes, &[values.len()]));
        self.constant(name, ElementType::I64, vec![values.len()], bytes)
    }

    /// Takes note that a value is made of weights alone.
    pub(super) fn of_weights(&mut self, x: Value) -> Value {
        let facts = Facts { is_of_weights: true, ..self.facts(&x) };
        self.set_facts(&x, facts);
        x
    }

    /// `table[min(max(x, -n), n) + n]`, with a table of `2 n + 1` integers.
    pub(super) fn clamped_lookup(&mut self, x: &Value, table: &[i64]) -> Value {
        let far = (table.len() / 2) as i64;
        let (lowest, highest) = (self.int(-far), self.int(far));
        let x = self.node("Max", &[x, &lowest], &[]);
        let x = self.node("Min", &[&x, &highest], &[]);
        let idx = self.node("Add", &[&x, &highest], &[]);
        let table = self.table(table);
        self.node("Gather", &[&table, &idx], &[])
    }

    /// From the positions of keys `[1, S]` to those of keys as seen from queries, `[S, S]`.
    pub(super) fn distances(&mut self, keys: &Value) -> Value {
        let queries = self.node("Transpose", &[keys], &[Attribute::Ints("perm", &[1, 0])]);
        self.node("Sub", &[keys, &queries], &[])
    }

    /// `padding_id` where a token is that, elsewhere as many more as there were other tokens so far.
    pub(super) fn counted_positions(&mut self, ids: &Value, padding_id: i64) -> Value {
        let padding = self.int(padding_id);
        let is_padding = self.node("Equal", &[ids, &padding], &[]);
        let is_token = self.node("Not", &[&is_padding], &[]);
        let is_token = self.cast(&is_token, ElementType::I64);
        let axis = self.int(1);
        let count = self.node("CumSum", &[&is_token, &axis], &[]);
        let position = self.node("Mul", &[&count, &is_token], &[]);
        self.node("Add", &[&position, &padding], &[])
    }

    /// Scores `[B, heads, S, S]` of `query` `[B, heads, S, head_dim]` with the rows that the index names.
    pub(super) fn scores_by_row(&mut self, query: &Value, inputs: &RelativeScores<'_, Value>) -> Value {
        // Whatever the rows are made of, this is of tokens.
        let facts = Facts { is_of_weights: false, ..self.facts(query) };
        let shape = self.ints(&[0, inputs.heads as i64, inputs.head_dim as i64]);
        let rows = self.node("Reshape", &[inputs.rows, &shape], &[]);
        let rows = self.node("Transpose", &[&rows], &[Attribute::Ints("perm", &[1, 2, 0])]);
        let [query, rows] = self.aligned(query, &rows);
        let scores = self.node("MatMul", &[&query, &rows], &[]);
        let index = self.expanded(inputs.index, &scores);
        let gathered = self.node("GatherElements", &[&scores, &index], &[Attribute::Int("axis", 3)]);
        self.set_facts(&gathered, facts);
        gathered
    }

    /// An index `[S, S]` for each head of each text, as `scores` `[B, heads, S, n]` has them. It is large and the same
    /// for every layer, so that it is made once.
    fn expanded(&mut self, index: &Value, scores: &Value) -> Value {
        if let Some(known) = self.expanded.get(index) {
            return known.clone();
        }
        let (start, end) = (self.ints(&[0]), self.ints(&[2]));
        let shape = self.node("Shape", &[scores], &[]);
        let batch = self.node("Slice", &[&shape, &start, &end], &[]);
        let square = self.node("Shape", &[index], &[]);
        let shape = self.node("Concat", &[&batch, &square], &[Attribute::Int("axis", 0)]);
        let expanded = self.node("Expand", &[index, &shape], &[]);
        self.set_facts(&expanded, Facts::default());
        self.expanded.insert(index.clone(), expanded.clone());
        expanded
    }
}

/// What names an array of numbers.
fn digest(bytes: &[u8], shape: &[usize]) -> String {
    let hash = Sha256::digest(bytes);
    let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("{}.{hash}", shape.join("x"))
}
