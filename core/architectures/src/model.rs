//! A whole package: the transformer and the modules after it.

use drivetrain_contract::{Error, Inputs, Result};
use drivetrain_package::{Package, Task};

use crate::{Architecture, Checkpoint, Head, LoadWeight, Ops, TokenInputs};

/// An embedding model with handles of its weights.
#[derive(Clone, Debug)]
pub struct EmbeddingModel<W> {
    transformer: Architecture<W>,
    head: Option<Head<W>>,
}

/// What [`EmbeddingModel::forward`] computes.
#[derive(Clone, Debug)]
pub struct Encoded<T> {
    /// The transformer's output, `[B, S, hidden_size]`.
    pub last_hidden_state: T,
    /// The output of the last module, `[B, dim]`; `None` for a package without pooling.
    pub sentence_embedding: Option<T>,
}

impl<W> EmbeddingModel<W> {
    /// The model of `package`: `load` is called once for each weight of `checkpoint`, in the order they are used.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a task, architecture or module that this version cannot
    /// run, [`drivetrain_contract::ErrorKind::Model`] for a package whose files contradict each other.
    pub fn load<'a>(package: &Package, checkpoint: &'a Checkpoint, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        if package.task() != Task::Embed {
            return Err(Error::unsupported(format!(
                "`{}` is not an embedding model, and this version runs no others from their weights",
                package.name()
            ))
            .with_hint("a package with an `onnx/model.onnx` of its own can be used as it is"));
        }
        if package.is_static() {
            let message = format!("`{}` is a table of static vectors: it has no transformer to run", package.name());
            return Err(Error::unsupported(message).with_hint("the `static` backend uses the package as it is"));
        }
        let transformer = Architecture::load(package, checkpoint.transformer(), load)?;
        let head = Head::load(package, transformer.hidden_size(), checkpoint, load)?;
        Ok(Self { transformer, head })
    }

    /// The token inputs it takes.
    pub fn inputs(&self) -> Inputs {
        self.transformer.inputs()
    }

    /// Extent of `last_hidden_state`.
    pub fn hidden_size(&self) -> usize {
        self.transformer.hidden_size()
    }

    /// Extent of `sentence_embedding`, where there is one.
    pub fn dim(&self) -> Option<usize> {
        self.head.as_ref().map(Head::dim)
    }

    /// Computes both outputs for one padded batch.
    ///
    /// # Errors
    /// Those of the operations, and [`drivetrain_contract::ErrorKind::Invalid`] without an input it needs.
    pub fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        inputs: &TokenInputs<O::Tensor>,
    ) -> Result<Encoded<O::Tensor>> {
        let last_hidden_state = self.transformer.forward(ops, inputs)?;
        let head = self.head.as_ref();
        let pool = |head: &Head<W>| head.forward(ops, &last_hidden_state, &inputs.attention_mask);
        let sentence_embedding = head.map(pool).transpose()?;
        Ok(Encoded { last_hidden_state, sentence_embedding })
    }
}
