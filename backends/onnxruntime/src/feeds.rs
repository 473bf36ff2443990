//! What a graph is fed with: the tensors of a batch by name, checked, and a sample batch.

use drivetrain_contract::{Error, IndexType, Inputs, PaddedBatch, Result, TokenIds};
use drivetrain_graphs::Description;
use ort::session::SessionInputValue;

use crate::{convert, graph::Graph};

/// Inputs by name.
pub(crate) type Feeds<'a> = Vec<(&'static str, SessionInputValue<'a>)>;

/// The tensors the graph wants, checked.
pub(crate) fn feeds<'a>(graph: &Graph, description: Description, batch: &PaddedBatch<'a>) -> Result<Feeds<'a>> {
    let feed = |tensor: Inputs| {
        let name = tensor.name();
        let ids = batch
            .tensor(tensor)
            .ok_or_else(|| Error::invalid(format!("the graph needs `{name}`, which the batch does not have")))?;
        let width = match ids {
            TokenIds::I64(_) => IndexType::I64,
            TokenIds::I32(_) => IndexType::I32,
        };
        if width != graph.index_type {
            return Err(Error::invalid(format!("`{name}` is {width:?}, the session wants {:?}", graph.index_type)));
        }
        description.check_ids(tensor, ids)?;
        Ok((name, convert::input(batch, ids)?))
    };
    graph.inputs.iter().map(feed).collect()
}

/// The smallest batch a graph takes: one text of two tokens, or the only shape it was made for.
pub(crate) struct Sample {
    size: usize,
    length: usize,
    zeros: Ids,
    ones: Ids,
}

enum Ids {
    I64(Vec<i64>),
    I32(Vec<i32>),
}

impl Sample {
    /// A graph made for more tokens than this was not made to be run.
    const MOST_TOKENS: usize = 1 << 20;

    /// Allocates the batch for `graph`.
    pub(crate) fn new(graph: &Graph) -> Result<Self> {
        let (size, length) = (graph.fixed_size.unwrap_or(1), graph.fixed_length.unwrap_or(2));
        let n_tokens = size
            .checked_mul(length)
            .filter(|&n_tokens| n_tokens <= Self::MOST_TOKENS)
            .ok_or_else(|| Error::unsupported(format!("the graph is made for batches of {size} × {length} only")))?;
        let ids = |value| match graph.index_type {
            IndexType::I64 => Ids::I64(vec![i64::from(value); n_tokens]),
            IndexType::I32 => Ids::I32(vec![value; n_tokens]),
        };
        Ok(Self { size, length, zeros: ids(0), ones: ids(1) })
    }

    /// The batch: padding tokens, all of them seen.
    pub(crate) fn batch(&self) -> Result<PaddedBatch<'_>> {
        PaddedBatch::new(self.size, self.length, self.zeros.view(), self.ones.view())?
            .with_token_type_ids(self.zeros.view())?
            .with_position_ids(self.zeros.view())
    }
}

impl Ids {
    fn view(&self) -> TokenIds<'_> {
        match self {
            Self::I64(ids) => TokenIds::I64(ids),
            Self::I32(ids) => TokenIds::I32(ids),
        }
    }
}
