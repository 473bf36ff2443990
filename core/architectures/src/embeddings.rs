//! From token ids to the vectors that enter the first layer.

use drivetrain_contract::{Error, Result};

use crate::{
    Ops, TokenInputs,
    layers::{Embedding, Linear, Norm},
};

/// The sum of the rows for a token's id, position and segment, normalised.
#[derive(Clone, Debug)]
pub(crate) struct Embeddings<W> {
    pub(crate) words: Embedding<W>,
    pub(crate) token_types: TokenTypes<W>,
    pub(crate) positions: Positions<W>,
    pub(crate) norm: Option<Norm<W>>,
    /// What becomes of the vectors of padding.
    pub(crate) padding: Padding,
    /// To the extent of the layers, where the tables have another.
    pub(crate) projection: Option<Linear<W>>,
}

/// Segments.
#[derive(Clone, Debug)]
pub(crate) enum TokenTypes<W> {
    /// There is no table of them.
    None,
    /// Every token is of the first segment, whose row is the whole table.
    Single(Embedding<W>),
    /// The caller says.
    Given(Embedding<W>),
}

impl<W> TokenTypes<W> {
    /// For a table of so many rows, which `load` loads.
    pub(crate) fn of(rows: usize, load: impl FnOnce() -> Result<Embedding<W>>) -> Result<Self> {
        Ok(match rows {
            0 => Self::None,
            1 => Self::Single(load()?),
            _ => Self::Given(load()?),
        })
    }
}

/// Learned positions.
#[derive(Clone, Debug)]
pub(crate) enum Positions<W> {
    /// There is no table of them: attention knows positions, or nobody.
    None,
    /// Counted from 0 on, padding included.
    FromZero(Embedding<W>),
    /// Counted from `padding_id + 1` on, over all tokens but `padding_id`, which has its own.
    After { padding_id: i64, table: Embedding<W> },
}

/// What becomes of the vectors of padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    Kept,
    Zeroed,
}

impl<W> Embeddings<W> {
    /// Token ids `[B, S]` to `[B, S, hidden]`.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without `token_type_ids` that are
    /// needed.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<O::Tensor> {
        let mut sum = self.words.forward(ops, &inputs.input_ids)?;
        if let Some(token_types) = self.token_type_rows(ops, inputs)? {
            ops.scope("embeddings");
            sum = ops.add(&sum, &token_types)?;
        }
        if let Some(positions) = self.position_rows(ops, inputs)? {
            ops.scope("embeddings");
            sum = ops.add(&sum, &positions)?;
        }
        if let Some(norm) = &self.norm {
            sum = norm.forward(ops, &sum)?;
        }
        if self.padding == Padding::Zeroed {
            ops.scope("embeddings");
            let mask = ops.to_float(&inputs.attention_mask)?;
            let mask = ops.unsqueeze_last(&mask)?;
            sum = ops.mul(&sum, &mask)?;
        }
        match &self.projection {
            Some(projection) => projection.forward(ops, &sum),
            None => Ok(sum),
        }
    }

    fn token_type_rows<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<Option<O::Tensor>> {
        match &self.token_types {
            TokenTypes::None => Ok(None),
            TokenTypes::Single(table) => table.rows(ops).map(Some),
            TokenTypes::Given(table) => {
                let ids = inputs.token_type_ids.as_ref();
                let ids = ids.ok_or_else(|| Error::invalid("this architecture needs `token_type_ids`"))?;
                table.forward(ops, ids).map(Some)
            }
        }
    }

    fn position_rows<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<Option<O::Tensor>> {
        ops.scope("embeddings");
        match &self.positions {
            Positions::None => Ok(None),
            Positions::FromZero(table) => {
                let positions = ops.positions(&inputs.input_ids)?;
                table.forward(ops, &positions).map(Some)
            }
            Positions::After { padding_id, table } => {
                let positions = ops.positions_after(&inputs.input_ids, *padding_id)?;
                table.forward(ops, &positions).map(Some)
            }
        }
    }
}
