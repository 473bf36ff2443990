//! The weights of a package, found under the names an architecture gives them.

use std::{collections::BTreeMap, fmt};

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Dtype, Module, Package, Weights};

/// Every file of weights a package computes with, opened but not read.
#[derive(Debug)]
pub struct Checkpoint {
    transformer: Weights,
    modules: BTreeMap<String, Weights>,
}

impl Checkpoint {
    /// Opens the transformer's weights and those of each Dense module.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] and [`drivetrain_contract::ErrorKind::Model`] for files that are
    /// missing, truncated or malformed.
    pub fn open(package: &Package) -> Result<Self> {
        let transformer = package.weights()?;
        let mut modules = BTreeMap::new();
        for module in package.modules() {
            if let Module::Dense(dense) = module {
                modules.insert(dense.path.clone(), package.module_weights(&dense.path)?);
            }
        }
        Ok(Self { transformer, modules })
    }

    /// Weights of the transformer.
    pub fn transformer(&self) -> &Weights {
        &self.transformer
    }

    /// Weights of the module in folder `path`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Internal`] for a folder that [`Checkpoint::open`] did not open.
    pub fn module(&self, path: &str) -> Result<&Weights> {
        self.modules.get(path).ok_or_else(|| Error::internal(format!("the weights of module `{path}` were not opened")))
    }
}

/// How a weight is used, for those who store it in the way they multiply it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As stored.
    Plain,
    /// The matrix `[outputs, inputs]` of [`crate::Ops::linear`], which multiplies from the right transposed.
    Linear,
}

/// A weight that exists and has the right shape.
#[derive(Clone, Debug)]
pub struct StoredWeight<'a> {
    /// The file or files it is in.
    pub weights: &'a Weights,
    /// Its name there.
    pub name: String,
    /// Its name without prefixes that differ between checkpoints of one architecture.
    pub label: String,
    /// Its shape as stored.
    pub shape: Vec<usize>,
    /// What it is for.
    pub layout: Layout,
}

/// Makes a handle of each weight in turn.
pub type LoadWeight<'l, 'a, W> = dyn FnMut(StoredWeight<'a>) -> Result<W> + 'l;

/// The weights of one module, looked up by the architecture's own names.
pub(crate) struct WeightScope<'s, 'a, W> {
    weights: &'a Weights,
    stored_prefix: String,
    label_prefix: String,
    load: &'s mut LoadWeight<'s, 'a, W>,
}

impl<'s, 'a, W> WeightScope<'s, 'a, W> {
    /// A scope over a transformer whose names may all begin with the same prefix, told by where the tensor `probe` is:
    /// `bert.`, `model.`, or whatever the class that saved it calls the transformer inside it.
    pub(crate) fn transformer(weights: &'a Weights, probe: &str, load: &'s mut LoadWeight<'s, 'a, W>) -> Self {
        let prefixes = weights.names().filter_map(|name| name.strip_suffix(probe));
        let prefix =
            prefixes.filter(|prefix| prefix.is_empty() || prefix.ends_with('.')).min_by_key(|prefix| prefix.len());
        let stored_prefix = prefix.unwrap_or_default().to_owned();
        Self { weights, stored_prefix, label_prefix: String::new(), load }
    }

    /// A scope over the module in folder `path`, which labels its weights with the folder's name.
    pub(crate) fn module(weights: &'a Weights, path: &str, load: &'s mut LoadWeight<'s, 'a, W>) -> Self {
        Self { weights, stored_prefix: String::new(), label_prefix: format!("{path}."), load }
    }

    /// The same weights by their full names: for what surrounds a transformer.
    pub(crate) fn outer(&mut self) -> WeightScope<'_, 'a, W> {
        let label_prefix = self.label_prefix.clone();
        WeightScope { weights: self.weights, stored_prefix: String::new(), label_prefix, load: &mut *self.load }
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.weights.get(&format!("{}{name}", self.stored_prefix)).is_some()
    }

    /// Refuses weights with a tensor that a variant this version cannot run has, and that would else go unused.
    pub(crate) fn refuse(&self, name: &str, variant: &str) -> Result<()> {
        if !self.has(name) {
            return Ok(());
        }
        let message = format!("`{}` holds `{name}`: this is {variant}", self.weights.label());
        Err(Error::unsupported(format!("{message}, which this version cannot run"))
            .with_hint("a package that brings its own ONNX file needs no architecture"))
    }

    /// What graphs call the part of the model with this name.
    pub(crate) fn label(&self, name: &str) -> String {
        format!("{}{name}", self.label_prefix)
    }

    /// A handle of the tensor that is called by one of `names`, the first being the current name of it.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a tensor that is missing or of another shape,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for one of quantised numbers.
    pub(crate) fn load(&mut self, names: &[&str], shape: &[usize], layout: Layout) -> Result<W> {
        let stored_name = |name: &&str| format!("{}{name}", self.stored_prefix);
        let present = names.iter().map(stored_name).find(|name| self.weights.get(name).is_some());
        let name = present.unwrap_or_else(|| stored_name(&names[0]));
        let info = self.weights.require(&name, shape)?;
        if !matches!(info.dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
            let message = format!("tensor `{name}` in `{}` holds {} numbers", self.weights.label(), info.dtype);
            return Err(Error::unsupported(format!("{message}, where floats are needed"))
                .with_hint("use the model as it was before quantisation"));
        }
        let label = self.label(names[0]);
        (self.load)(StoredWeight { weights: self.weights, name, label, shape: shape.to_vec(), layout })
    }
}

impl<W> fmt::Debug for WeightScope<'_, '_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightScope")
            .field("weights", &self.weights)
            .field("stored_prefix", &self.stored_prefix)
            .field("label_prefix", &self.label_prefix)
            .finish_non_exhaustive()
    }
}
