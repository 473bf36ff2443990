//! The sentence-transformers modules after the transformer, in the package's order.

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Dense, Module, Package, PoolingMode, Task};

use crate::{Activation, LoadWeight, Ops, WeightScope, head::HeadSource, layers::Linear, pooling::pool};

/// Smallest divisor of a normalisation: the default of `torch.nn.functional.normalize`.
const MIN_LENGTH: f32 = 1e-12;

/// What turns token vectors into others, or into one vector per text.
#[derive(Clone, Debug)]
pub(crate) struct Modules<W> {
    steps: Vec<Step<W>>,
    dim: usize,
}

#[derive(Clone, Debug)]
enum Step<W> {
    Pooling(Vec<PoolingMode>),
    Dense { linear: Linear<W>, activation: Activation },
    Normalize,
}

impl<W> Modules<W> {
    /// The modules of a package.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a module this version cannot run,
    /// [`drivetrain_contract::ErrorKind::Model`] for modules that do not fit together or weights that are missing or of
    /// another shape.
    pub(crate) fn load<'a>(source: &HeadSource<'_, 'a>, load: &mut LoadWeight<'_, 'a, W>) -> Result<Self> {
        let mut modules = Self { steps: Vec::new(), dim: source.hidden_size };
        for module in source.package.modules() {
            modules.push(source, module, load)?;
        }
        if modules.is_empty() && source.package.task() == Task::MultiVector {
            modules.push_colbert(source, load)?;
        }
        Ok(modules)
    }

    fn push<'a>(
        &mut self,
        source: &HeadSource<'_, 'a>,
        module: &Module,
        load: &mut LoadWeight<'_, 'a, W>,
    ) -> Result<()> {
        let step = match module {
            // Which of the token vectors count is up to whoever compares them.
            Module::Transformer { .. } | Module::MultiVectorMask { .. } => return Ok(()),
            Module::Normalize => Step::Normalize,
            Module::Pooling(pooling) => {
                self.expect_dim("Pooling", pooling.dim)?;
                if pooling.modes.is_empty() {
                    return Err(Error::model("module `Pooling` has no pooling mode"));
                }
                self.dim = self.dim.saturating_mul(pooling.modes.len());
                Step::Pooling(pooling.modes.clone())
            }
            Module::Dense(dense) => self.dense(source, dense, load)?,
            Module::StaticEmbedding(_) => return Err(cannot_run(source.package, "StaticEmbedding")),
            Module::SpladePooling(_) => return Err(cannot_run(source.package, "SpladePooling")),
            Module::Other { type_name, .. } => return Err(cannot_run(source.package, type_name)),
        };
        self.steps.push(step);
        Ok(())
    }

    fn dense<'a>(
        &mut self,
        source: &HeadSource<'_, 'a>,
        dense: &Dense,
        load: &mut LoadWeight<'_, 'a, W>,
    ) -> Result<Step<W>> {
        self.expect_dim(&dense.path, dense.in_features)?;
        self.dim = dense.out_features;
        let mut scope = WeightScope::module(source.checkpoint.module(&dense.path)?, &dense.path, load);
        let shape = [dense.out_features, dense.in_features];
        let linear = Linear::load_with(&mut scope, "linear", shape, dense.bias.into())?;
        Ok(Step::Dense { linear, activation: dense.activation.into() })
    }

    /// The projection of the original ColBERT, which is among the transformer's weights and listed nowhere (Khattab and
    /// Zaharia, arXiv:2004.12832).
    fn push_colbert<'a>(&mut self, source: &HeadSource<'_, 'a>, load: &mut LoadWeight<'_, 'a, W>) -> Result<()> {
        let weights = source.checkpoint.transformer();
        let Some([dim, _]) = weights.get("linear.weight").map(|info| &info.shape[..]) else { return Ok(()) };
        let shape = [*dim, self.dim];
        let mut scope = WeightScope::transformer(weights, "linear.weight", load);
        let linear = Linear::load_without_bias(&mut scope, "linear", shape)?;
        self.dim = *dim;
        self.steps = vec![Step::Dense { linear, activation: Activation::Identity }, Step::Normalize];
        Ok(())
    }

    fn expect_dim(&self, module: &str, dim: usize) -> Result<()> {
        if self.dim == dim {
            return Ok(());
        }
        Err(Error::model(format!("module `{module}` takes vectors of {dim} numbers, but is given {}", self.dim)))
    }

    /// The same, if exactly one of them pools.
    pub(crate) fn pooling_once(self, package: &Package) -> Result<Self> {
        self.with_poolings(1, package)
    }

    /// The same, if none of them pools.
    pub(crate) fn without_pooling(self, package: &Package) -> Result<Self> {
        self.with_poolings(0, package)
    }

    fn with_poolings(self, wanted: usize, package: &Package) -> Result<Self> {
        let count = self.steps.iter().filter(|step| matches!(step, Step::Pooling(_))).count();
        if count == wanted {
            return Ok(self);
        }
        let (name, task) = (package.name(), package.task().name());
        Err(Error::unsupported(format!(
            "`{name}` has {count} Pooling modules, where this version runs exactly {wanted} for the task `{task}`"
        )))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Extent of the final vectors.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Token vectors `[B, S, hidden_size]` and the integer mask `[B, S]` to `[B, dim]`, or to `[B, S, dim]` if nothing
    /// pools.
    ///
    /// # Errors
    /// Those of the operations.
    pub(crate) fn forward<O: Ops<Weight = W>>(
        &self,
        ops: &mut O,
        tokens: &O::Tensor,
        mask: &O::Tensor,
    ) -> Result<O::Tensor> {
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
