//! Weights as tensors of the graph: made when they are first used, in the form they are used in.

use drivetrain_architectures::{Layout, StoredWeight};
use drivetrain_contract::{Error, Result};

use super::{
    form::Form,
    graph::{Facts, Graph, Value},
    stored::{Numbers, Stored},
    tensor::{Contents, Tensor},
};

impl<'a> Graph<'a> {
    /// Takes note of a weight and gives a handle of it, which is also its name in the graph.
    pub(super) fn load(&mut self, weight: StoredWeight<'a>) -> Value {
        let handle = self.unique(&weight.label);
        self.weights.insert(handle.clone(), weight);
        handle
    }

    /// A weight as a tensor of floats: a vector or table as it is stored, the matrix of a linear layer turned, as
    /// `[inputs, outputs]`, so that it is not turned at every run.
    pub(super) fn float_weight(&mut self, handle: &Value) -> Result<Value> {
        let transposed = self.is_matrix(handle)?;
        let numbers = match *self.form {
            Form::F32 | Form::Int8(_) => Numbers::F32,
            Form::F16 => Numbers::F16,
            Form::Bf16 => Numbers::Bf16,
        };
        if !self.has_tensor(handle) {
            let is_half = matches!(numbers, Numbers::F16 | Numbers::Bf16);
            self.set_facts(handle, Facts { is_half, ..Facts::default() });
            let tensor = self.stored(handle, handle.clone(), transposed, numbers)?;
            self.add_tensor(tensor);
        }
        Ok(handle.clone())
    }

    /// The tensor `name` that a weight becomes.
    pub(super) fn stored(&self, handle: &Value, name: Value, transposed: bool, numbers: Numbers) -> Result<Tensor<'a>> {
        let weight = self.loaded(handle)?;
        let mut dims = weight.shape.clone();
        if transposed {
            dims.reverse();
        }
        let (weights, shape) = (weight.weights, weight.shape.clone());
        let stored = Stored { weights, name: weight.name.clone(), shape, transposed, numbers };
        Ok(Tensor { name, dims, contents: Contents::Stored(stored) })
    }

    /// Whether a weight is the matrix of a linear layer.
    pub(super) fn is_matrix(&self, handle: &Value) -> Result<bool> {
        Ok(self.loaded(handle)?.layout == Layout::Linear)
    }

    /// The weight behind a handle.
    pub(super) fn loaded(&self, handle: &Value) -> Result<&StoredWeight<'a>> {
        self.weights.get(handle).ok_or_else(|| Error::internal(format!("`{handle}` is no weight of this graph")))
    }
}
