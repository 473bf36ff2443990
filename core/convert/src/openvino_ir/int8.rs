//! Linear layers and tables in 8-bit integers, as OpenVINO's own tools write them.
//!
//! Activations pass through a `FakeQuantize` of 256 levels, and matrices are constants of integers that are widened and
//! multiplied by a step for each output: from these two the engine makes products of integers. Activations that are
//! measured at every run it does not know, so that ranges must have been calibrated.

use std::rc::Rc;

use drivetrain_contract::{Error, Result};

use super::{
    arithmetic::Transposed,
    graph::{Graph, Value, Weight},
    operation,
};
use crate::onnx::{
    Activations, Contents, ElementType, Form, Grid, GridRange, Int8, MIN_TABLE_ELEMENTS, Numbers, SiteNumbers, Tensor,
};

/// A matrix or table in integers, which are around 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Int8Weight {
    values: Value,
    /// What a unit of each row stands for, `[rows, 1]`.
    steps: Value,
}

/// A linear layer that is to be in integers.
struct Layer<'l> {
    /// Name of its site.
    site: &'l str,
    numbers: &'l SiteNumbers,
    /// Inputs of the layer.
    channels: usize,
}

/// Fails for a form that this format has no layers for.
pub(super) fn check_form(form: &Form) -> Result<()> {
    match form {
        Form::Int8(Int8 { activations: Activations::Measured, .. }) => {
            Err(Error::unsupported("OpenVINO IR has no 8-bit integers of which the range is measured at every run")
                .with_hint("calibrate the ranges, or write ONNX"))
        }
        Form::Int8(int8) if int8.unsigned_weights => Err(Error::unsupported("OpenVINO multiplies signed weights only")),
        _ => Ok(()),
    }
}

impl Graph<'_> {
    /// What [`drivetrain_architectures::Ops::linear`] adds, in the form that is wanted of the graph.
    pub(super) fn linear_in_form(&mut self, x: Value, weight: &Weight, bias: Option<&Weight>) -> Result<Value> {
        // What is made of whole texts is little work, and all that follows depends on it.
        let facts = self.facts(x);
        if facts.is_pooled || facts.is_of_weights {
            return self.float_linear(x, weight, bias);
        }
        let (site, form) = (self.sites.name(&x, weight), Rc::clone(&self.form));
        let numbers = match &*form {
            Form::Int8(int8) => int8.numbers_of(&site),
            Form::F32 | Form::F16 | Form::Bf16 => None,
        };
        let Some(numbers) = numbers else { return self.float_linear(x, weight, bias) };
        let channels = self.loaded(weight)?.shape.last().copied().unwrap_or(0);
        let layer = Layer { site: &site, numbers: &numbers, channels };
        numbers.check(&site, channels)?;
        let input = self.int8_input(x, &layer)?;
        let matrix = self.int8_matrix(weight, &layer)?;
        let product = self.product(input, matrix, Transposed::Yes);
        let bias = match numbers.corrected_bias(weight, bias.map(|bias| self.loaded(bias)).transpose()?)? {
            Some(corrected) => Some(self.floats(&corrected, &[corrected.len()])),
            None => bias.map(|bias| self.float_weight(bias)).transpose()?,
        };
        let sum = bias.map_or(product, |bias| self.binary(operation::ADD, product, bias));
        if numbers.outliers.is_empty() {
            return Ok(sum);
        }
        let beside = self.outlier_product(x, weight, &numbers.outliers)?;
        Ok(self.binary(operation::ADD, sum, beside))
    }

    /// What the channels add that are not among the integers, in floats.
    fn outlier_product(&mut self, x: Value, weight: &Weight, outliers: &[usize]) -> Result<Value> {
        let columns = self.stored(weight, Numbers::F32)?.columns(outliers)?;
        let columns = self.floats(&columns, &[outliers.len(), columns.len() / outliers.len()]);
        let indices: Vec<i64> = outliers.iter().map(|&idx| idx as i64).collect();
        let indices = self.int_row(&indices);
        let picked = self.gathered(x, indices, -1);
        Ok(self.product(picked, columns, Transposed::No))
    }

    /// Rows of a table, in the form that is wanted of the graph.
    pub(super) fn rows_in_form(&mut self, table: &Weight, ids: Value) -> Result<Value> {
        let Some(Int8Weight { values, steps }) = self.int8_table(table)? else {
            let table = self.float_weight(table)?;
            return Ok(self.gathered(table, ids, 0));
        };
        let values = self.gathered(values, ids, 0);
        let values = self.convert(values, ElementType::F32);
        let steps = self.gathered(steps, ids, 0);
        Ok(self.binary(operation::MULTIPLY, values, steps))
    }

    /// A whole table in floats. Where its rows are stored in integers, it is made of them when the graph is loaded, so
    /// that it is stored once.
    fn table_in_form(&mut self, table: &Weight) -> Result<Value> {
        let Some(Int8Weight { values, steps }) = self.int8_table(table)? else { return self.float_weight(table) };
        let values = self.convert(values, ElementType::F32);
        Ok(self.binary(operation::MULTIPLY, values, steps))
    }

    /// A table in integers, if it is to be stored so.
    fn int8_table(&mut self, table: &Weight) -> Result<Option<Int8Weight>> {
        let elements: usize = self.loaded(table)?.shape.iter().product();
        if !matches!(&*self.form, Form::Int8(int8) if !int8.float_tables) || elements < MIN_TABLE_ELEMENTS {
            return Ok(None);
        }
        self.int8_weight(table, None, GridRange::default(), &format!("{table}.int8")).map(Some)
    }

    /// `x · weightᵀ + bias` in floats. The matrix stays as it is stored, which is how the engine packs it.
    pub(super) fn float_linear(&mut self, x: Value, weight: &Weight, bias: Option<&Weight>) -> Result<Value> {
        let weight = self.float_weight(weight)?;
        self.linear_of(x, weight, bias)
    }

    /// The same with a table for the matrix.
    pub(super) fn tied_linear_in_form(&mut self, x: Value, table: &Weight, bias: Option<&Weight>) -> Result<Value> {
        let table = self.table_in_form(table)?;
        self.linear_of(x, table, bias)
    }

    fn linear_of(&mut self, x: Value, matrix: Value, bias: Option<&Weight>) -> Result<Value> {
        let product = self.product(x, matrix, Transposed::Yes);
        let Some(bias) = bias else { return Ok(product) };
        let bias = self.float_weight(bias)?;
        Ok(self.binary(operation::ADD, product, bias))
    }

    /// What stands for the integers of `x`; layers that share it share them.
    fn int8_input(&mut self, x: Value, layer: &Layer<'_>) -> Result<Value> {
        if let Some(&known) = self.int8_inputs.get(&x) {
            return Ok(known);
        }
        let (step, zero) = layer.numbers.step_and_zero(layer.site)?;
        let smoothed = match layer.numbers.input_factors(layer.channels) {
            Some(factors) => {
                let factors = self.floats(&factors, &[factors.len()]);
                self.binary(operation::MULTIPLY, x, factors)
            }
            None => x,
        };
        let [low, high] = [0.0, 255.0].map(|unit| self.float((unit - f32::from(zero)) * step));
        let attributes: [(&'static str, &dyn std::fmt::Display); 2] = [("levels", &256), ("auto_broadcast", &"numpy")];
        let input = self.layer(operation::FAKE_QUANTIZE, &[smoothed, low, high, low, high], &attributes);
        self.int8_inputs.insert(x, input);
        Ok(input)
    }

    /// The floats that a matrix of integers stands for.
    fn int8_matrix(&mut self, weight: &Weight, layer: &Layer<'_>) -> Result<Value> {
        let is_reduced = matches!(&*self.form, Form::Int8(int8) if int8.reduced_range);
        let range = GridRange { is_reduced, ..GridRange::default() };
        let factors = layer.numbers.weight_factors(layer.channels);
        // A matrix that an architecture uses several times is smoothed for each site by itself.
        let name = match layer.site.rsplit_once('#') {
            Some((_, ordinal)) if factors.is_some() => format!("{weight}.int8#{ordinal}"),
            _ => format!("{weight}.int8"),
        };
        let Int8Weight { values, steps } = self.int8_weight(weight, factors, range, &name)?;
        let values = self.convert(values, ElementType::F32);
        Ok(self.binary(operation::MULTIPLY, values, steps))
    }

    /// A weight in integers, under `name`.
    fn int8_weight(
        &mut self,
        handle: &Weight,
        factors: Option<Rc<[f32]>>,
        range: GridRange,
        name: &str,
    ) -> Result<Int8Weight> {
        if let Some(&known) = self.int8_weights.get(name) {
            return Ok(known);
        }
        let mut stored = self.stored(handle, Numbers::F32)?;
        let rows = stored.shape.first().copied().unwrap_or(1);
        let grid = Rc::new(Grid::of(&stored, rows, factors, range)?);
        let steps = self.floats(&grid.steps, &[rows, 1]);
        let dims = stored.shape.clone();
        stored.numbers = Numbers::Int8(grid);
        let name = self.unique(name);
        let values = self.tensor(Tensor { name: Rc::clone(&name), dims, contents: Contents::Stored(stored) });
        let weight = Int8Weight { values, steps };
        self.int8_weights.insert(name.to_string(), weight);
        Ok(weight)
    }
}
