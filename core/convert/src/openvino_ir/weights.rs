//! Weights as layers of the graph: made when they are first used, in the form they are used in.

use std::rc::Rc;

use drivetrain_architectures::StoredWeight;
use drivetrain_contract::{Error, Result};

use super::graph::{Graph, Value, Weight};
use crate::onnx::{Contents, Form, Numbers, Stored, Tensor};

impl<'a> Graph<'a> {
    /// Takes note of a weight and gives a handle of it, which is also its name in the graph.
    pub(super) fn load(&mut self, weight: StoredWeight<'a>) -> Weight {
        let handle = self.unique(&weight.label);
        self.weights.insert(handle.clone(), weight);
        handle
    }

    /// A weight as 32-bit floats of the shape it is stored in.
    ///
    /// In half precision, matrices and tables are narrow in the file; vectors are not, which would save nothing.
    pub(super) fn float_weight(&mut self, handle: &Weight) -> Result<Value> {
        if let Some(&known) = self.values.get(handle) {
            return Ok(known);
        }
        let is_vector = self.loaded(handle)?.shape.len() < 2;
        let numbers = match *self.form {
            Form::F16 if !is_vector => Numbers::F16,
            Form::Bf16 if !is_vector => Numbers::Bf16,
            _ => Numbers::F32,
        };
        let tensor = Tensor {
            name: Rc::clone(handle),
            dims: self.loaded(handle)?.shape.clone(),
            contents: Contents::Stored(self.stored(handle, numbers)?),
        };
        let value = self.tensor(tensor);
        let value = self.decompressed(value);
        self.values.insert(handle.clone(), value);
        Ok(value)
    }

    /// Where a weight is, and what becomes of its numbers.
    pub(super) fn stored(&self, handle: &Weight, numbers: Numbers) -> Result<Stored<'a>> {
        let StoredWeight { weights, name, shape, .. } = self.loaded(handle)?;
        Ok(Stored { weights, name: name.clone(), shape: shape.clone(), transposed: false, numbers })
    }

    /// The weight behind a handle.
    pub(super) fn loaded(&self, handle: &Weight) -> Result<&StoredWeight<'a>> {
        self.weights.get(handle).ok_or_else(|| Error::internal(format!("`{handle}` is no weight of this graph")))
    }
}
