//! The sentence-transformers modules after the transformer, in the package's order.

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Module, Package, PoolingMode};

use crate::{Activation, Checkpoint, Linear, LoadWeight, Ops, WeightScope, pooling::pool};

/// Smallest divisor of a normalisation: the default of `torch.nn.functional.normalize`.
const MIN_LENGTH: f32 = 1e-12;

/// What turns token vectors into one vector per text.
#[derive(Clone, Debug)]
pub struct Head<W> {
    steps: Vec<Step<W>>,
    dim: usize,
}

#[derive(Clone, Debug)]
enum Step<W> {
    Pooling(Vec<PoolingMode>),
    Dense { linear: Linear<W>, activation: Activation },
    Normalize,
}

impl<W> Head<W> {
    /// The head of `package` on token vectors of extent `hidden_size`; `None` for a package without pooling, which
    /// gives vectors per token only.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a module this version cannot run,
    /// [`drivetrain_contract::ErrorKind::Model`] for modules that do not fit together or weights that are missing or of
    /// another shape.
    pub fn load<'a>(
        package: &Package,
        hidden_size: usize,
        checkpoint: &'a Checkpoint,
        load: &mut LoadWeight<'_, 'a, W>,
    ) -> Result<Option<Self>> {
        let mut head = Self { steps: Vec::new(), dim: hidden_size };
        for module in package.modules() {
            head.push(package, module, checkpoint, load)?;
        }
        match head.steps.iter().filter(|step| matches!(step, Step::Pooling(_))).count() {
            0 if head.steps.is_empty() => Ok(None),
            1 => Ok(Some(head)),
            count => Err(Error::unsupported(format!(
                "`{}` has {count} Pooling modules beside others, where this version runs exactly one",
                package.name()
            ))),
        }
    }

    fn push<'a>(
        &mut self,
        package: &Package,
        module: &Module,
        checkpoint: &'a Checkpoint,
        load: &mut LoadWeight<'_, 'a, W>,
    ) -> Result<()> {
        let step = match module {
            Module::Transformer { .. } => return Ok(()),
            Module::Normalize => Step::Normalize,
            Module::Pooling(pooling) => {
                self.expect_dim("Pooling", pooling.dim)?;
                if pooling.modes.is_empty() {
                    return Err(Error::model("module `Pooling` has no pooling mode"));
                }
                self.dim = self.dim.saturating_mul(pooling.modes.len());
                Step::Pooling(pooling.modes.clone())
            }
            Module::Dense(dense) => {
                self.expect_dim(&dense.path, dense.in_features)?;
                self.dim = dense.out_features;
                let mut scope = WeightScope::module(checkpoint.module(&dense.path)?, &dense.path, load);
                let shape = [dense.out_features, dense.in_features];
                let linear = match dense.bias {
                    true => Linear::load(&mut scope, "linear", shape)?,
                    false => Linear::load_without_bias(&mut scope, "linear", shape)?,
                };
                Step::Dense { linear, activation: dense.activation.into() }
            }
            Module::StaticEmbedding(_) => return Err(cannot_run(package, "StaticEmbedding")),
            Module::Other { type_name, .. } => return Err(cannot_run(package, type_name)),
        };
        self.steps.push(step);
        Ok(())
    }

    fn expect_dim(&self, module: &str, dim: usize) -> Result<()> {
        if self.dim == dim {
            return Ok(());
        }
        Err(Error::model(format!("module `{module}` takes vectors of {dim} numbers, but is given {}", self.dim)))
    }

    /// Extent of the final vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Token vectors `[B, S, hidden_size]` and the integer mask `[B, S]` to `[B, dim]`.
    ///
    /// # Errors
    /// Those of the operations.
    pub fn forward<O: Ops<Weight = W>>(&self, ops: &mut O, tokens: &O::Tensor, mask: &O::Tensor) -> Result<O::Tensor> {
        self.steps.iter().try_fold(tokens.clone(), |x, step| match step {
            Step::Pooling(modes) => {
                ops.scope("pooling");
                pool(ops, &x, mask, modes)
            }
            Step::Dense { linear, activation } => {
                let x = linear.forward(ops, &x)?;
                ops.activation(&x, *activation)
            }
            Step::Normalize => {
                ops.scope("normalize");
                let length = ops.l2_norm(&x)?;
                let length = ops.clamp_min(&length, MIN_LENGTH)?;
                ops.div(&x, &length)
            }
        })
    }
}

fn cannot_run(package: &Package, module: &str) -> Error {
    Error::unsupported(format!("`{}` has a module `{module}`, which this version cannot run", package.name()))
        .with_hint("it can run Transformer, Pooling, Dense and Normalize")
}
