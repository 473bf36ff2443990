//! The tensors of a graph, read as they are written.

use drivetrain_contract::Result;

use super::{graph::Value, schema::ElementType, stored::Stored};

/// A tensor of the graph; `'a` is the life of the weights it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
    /// Name in the graph.
    pub(crate) name: Value,
    /// Shape in the graph.
    pub(crate) dims: Vec<usize>,
    pub(crate) contents: Contents<'a>,
}

/// What a tensor holds.
#[derive(Clone, Debug)]
pub(crate) enum Contents<'a> {
    /// A few bytes of the graph's own.
    Constant { element_type: ElementType, bytes: Vec<u8> },
    /// A weight.
    Stored(Stored<'a>),
}

impl Tensor<'_> {
    pub(crate) fn element_type(&self) -> ElementType {
        match &self.contents {
            Contents::Constant { element_type, .. } => *element_type,
            Contents::Stored(stored) => stored.numbers.element_type(),
        }
    }

    pub(crate) fn is_stored(&self) -> bool {
        matches!(self.contents, Contents::Stored(_))
    }

    /// Number of bytes that [`Tensor::for_each_piece`] gives.
    pub(crate) fn n_bytes(&self) -> u64 {
        match &self.contents {
            Contents::Constant { bytes, .. } => bytes.len() as u64,
            Contents::Stored(_) => self.n_elements() * self.element_type().n_bytes(),
        }
    }

    /// Number of elements.
    pub(crate) fn n_elements(&self) -> u64 {
        self.dims.iter().map(|&extent| extent as u64).product()
    }

    /// The tensor's bytes in pieces, little-endian, row-major in the shape of the graph.
    pub(crate) fn for_each_piece(&self, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match &self.contents {
            Contents::Constant { bytes, .. } => f(bytes),
            Contents::Stored(stored) => stored.for_each_piece(f),
        }
    }
}
