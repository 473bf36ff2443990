//! Disentangled attention: scores by relative position that depend on the contents (He et al., arXiv:2006.03654).
//!
//! The formulas are those of `transformers.models.deberta_v2.DisentangledSelfAttention` with `share_att_key`, where the
//! vectors of relative positions go through the projections of the contents.

use drivetrain_contract::{Error, Result};

use crate::{
    Ops, RelativeScores,
    attention::{Attention, Projection},
    layers::{Embedding, Norm},
};

/// Which parts of the scores there are beside that of contents to contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disentangled {
    /// The contents of the query to the position of the key.
    pub(crate) content_to_position: bool,
    /// The position of the query to the contents of the key.
    pub(crate) position_to_content: bool,
}

/// The table of relative positions and which of its rows belongs to which distance.
#[derive(Clone, Debug)]
pub(crate) struct RelativeTable<W> {
    pub(crate) rows: Embedding<W>,
    pub(crate) norm: Option<Norm<W>>,
    /// Row for each distance of a key from a query, for [`Ops::lookup`].
    pub(crate) query_to_key: Vec<i64>,
    /// Row for each distance of a query from a key, for [`Ops::lookup`].
    pub(crate) key_to_query: Vec<i64>,
}

/// Vectors of relative positions for one batch.
#[derive(Clone, Debug)]
pub(crate) struct RelativeRows<T> {
    /// `[n, hidden]`
    rows: T,
    /// `[S (query), S (key)]`
    query_to_key: T,
    /// `[S (key), S (query)]`
    key_to_query: T,
}

impl<W> RelativeTable<W> {
    /// The vectors for as many positions as `like` `[B, S]` has.
    pub(crate) fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, like: &O::Tensor) -> Result<RelativeRows<O::Tensor>> {
        let rows = self.rows.rows(ops)?;
        let rows = match &self.norm {
            Some(norm) => norm.forward(ops, &rows)?,
            None => rows,
        };
        ops.scope("relative_positions");
        let distances = ops.relative_positions(like)?;
        let query_to_key = ops.lookup(&distances, &self.query_to_key)?;
        let key_to_query = ops.lookup(&distances, &self.key_to_query)?;
        Ok(RelativeRows { rows, query_to_key, key_to_query })
    }
}

impl Disentangled {
    /// What all scores are divided by, for heads of extent `dim`: the more parts, the more.
    pub(crate) fn divisor(self, dim: usize) -> f32 {
        let parts = 1 + u8::from(self.content_to_position) + u8::from(self.position_to_content);
        (dim as f32 * f32::from(parts)).sqrt()
    }

    /// The scores by relative position, divided, `[B, heads, S, S]`.
    pub(crate) fn scores<O: Ops>(
        self,
        ops: &mut O,
        attention: &Attention<O::Weight>,
        (query, key): (&O::Tensor, &O::Tensor),
        relative: &RelativeRows<O::Tensor>,
    ) -> Result<O::Tensor> {
        let Projection::Separate { query: query_proj, key: key_proj, .. } = &attention.projection else {
            return Err(Error::internal("disentangled attention has projections of its own for query and key"));
        };
        let (heads, head_dim) = (attention.heads.count, attention.heads.dim);
        let mut parts = Vec::new();
        if self.content_to_position {
            let rows = key_proj.forward(ops, &relative.rows)?;
            ops.scope(&attention.name);
            let index = &relative.query_to_key;
            parts.push(ops.relative_scores(&RelativeScores { x: query, rows: &rows, index, heads, head_dim })?);
        }
        if self.position_to_content {
            let rows = query_proj.forward(ops, &relative.rows)?;
            ops.scope(&attention.name);
            let index = &relative.key_to_query;
            let by_key = ops.relative_scores(&RelativeScores { x: key, rows: &rows, index, heads, head_dim })?;
            parts.push(ops.permute(&by_key, &[0, 1, 3, 2])?);
        }
        let sum = match &parts[..] {
            [one] => one.clone(),
            [one, other] => ops.add(one, other)?,
            _ => return Err(Error::internal("disentangled attention has one part at least")),
        };
        ops.scale(&sum, 1.0 / self.divisor(head_dim))
    }
}
