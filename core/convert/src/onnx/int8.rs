//! Linear layers and tables in 8-bit integers.
//!
//! With measured activations a layer is what ONNX Runtime's own quantiser emits, and what its optimiser fuses into
//! `MatMulIntegerToFloat` or `DynamicQuantizeMatMul`: `DynamicQuantizeLinear`, `MatMulInteger`, `Cast`, `Mul`, `Add`.
//! With calibrated ones it is what OpenVINO and other engines take integers from: `QuantizeLinear` and
//! `DequantizeLinear` around a `MatMul` of floats, on both of its sides.

use std::rc::Rc;

use drivetrain_contract::{Error, Inputs, Result};

use super::{
    form::{Activations, Form, Int8, SiteNumbers},
    graph::{Graph, Value},
    grid::{Grid, GridRange},
    schema::{Attribute, ElementType},
    stored::{Numbers, Stored},
    tensor::{Contents, Tensor},
};

/// Tables with fewer numbers stay floats: it would hardly show in the size of the file.
pub(crate) const MIN_TABLE_ELEMENTS: usize = 1 << 15;

/// What linear layers multiply, in integers or in the floats that stand for them.
#[derive(Clone, Debug)]
pub(super) struct Int8Input {
    values: Value,
    /// Step and zero point, where they are known at every run only.
    measured: Option<[Value; 2]>,
    /// The channels that are not among the integers, `[batch, tokens, outliers]`.
    outliers: Option<Value>,
}

/// A matrix or table in integers.
#[derive(Clone, Debug)]
pub(super) struct Int8Weight {
    values: Value,
    /// `[outputs]` of a matrix, `[rows, 1]` of a table.
    steps: Value,
    zero: Value,
}

impl<'a> Graph<'a> {
    /// What [`drivetrain_architectures::Ops::linear`] emits for tokens, in the form that is wanted of the graph.
    pub(super) fn linear_in_form(&mut self, x: &Value, weight: &Value, bias: Option<&Value>) -> Result<Value> {
        // What is made of whole texts is little work, and all that follows depends on it.
        let facts = self.facts(x);
        if facts.is_pooled || facts.is_of_weights {
            return self.float_linear(x, weight, bias);
        }
        let (name, form) = (self.sites.name(x, weight), Rc::clone(&self.form));
        let numbers = match &*form {
            Form::Int8(int8) => int8.numbers_of(&name).map(|numbers| (int8, numbers)),
            Form::F32 | Form::F16 | Form::Bf16 => None,
        };
        let Some((int8, numbers)) = numbers else { return self.float_linear(x, weight, bias) };
        let channels = self.loaded(weight)?.shape.last().copied().unwrap_or(0);
        let layer = Layer { name: &name, numbers: &numbers, int8, channels };
        numbers.check(&name, layer.channels)?;
        let input = self.int8_input(x, &layer)?;
        let matrix = self.int8_matrix(weight, &layer)?;
        let product = match &input.measured {
            Some(measured) => self.integer_product(&input.values, measured, &matrix),
            None => self.float_product(&input.values, &matrix),
        };
        let sum = match self.corrected_bias(weight, bias, &numbers)? {
            Some(bias) => self.node("Add", &[&product, &bias], &[]),
            None => product,
        };
        let Some(outliers) = &input.outliers else { return Ok(sum) };
        let beside = self.outlier_product(outliers, weight, &layer)?;
        Ok(self.node("Add", &[&sum, &beside], &[]))
    }

    /// Rows of a table, in the form that is wanted of the graph.
    pub(super) fn rows_in_form(&mut self, table: &Value, ids: &Value) -> Result<Value> {
        let Some(Int8Weight { values, steps, .. }) = self.int8_table(table)? else {
            let table = self.float_weight(table)?;
            let rows = self.node("Gather", &[&table, ids], &[]);
            return Ok(self.without_padding(rows, ids));
        };
        let values = self.node("Gather", &[&values, ids], &[]);
        let values = self.cast(&values, ElementType::F32);
        let steps = self.node("Gather", &[&steps, ids], &[]);
        let steps = self.without_padding(steps, ids);
        Ok(self.node("Mul", &[&values, &steps], &[]))
    }

    /// A whole table in floats. Where its rows are stored in integers, it is made of them when the graph is loaded, so
    /// that it is stored once.
    pub(super) fn table_in_form(&mut self, table: &Value) -> Result<Value> {
        let Some(Int8Weight { values, steps, .. }) = self.int8_table(table)? else { return self.float_weight(table) };
        let values = self.cast(&values, ElementType::F32);
        Ok(self.node("Mul", &[&values, &steps], &[]))
    }

    /// A table in integers, if it is to be stored so.
    fn int8_table(&mut self, table: &Value) -> Result<Option<Int8Weight>> {
        let elements: usize = self.loaded(table)?.shape.iter().product();
        if !matches!(&*self.form, Form::Int8(int8) if !int8.float_tables) || elements < MIN_TABLE_ELEMENTS {
            return Ok(None);
        }
        self.int8_weight(table, None, GridRange::default(), &format!("{table}.int8")).map(Some)
    }

    /// Zeros in place of what stands for words where there is padding, if it could widen ranges that are measured.
    ///
    /// The values of padding are never looked at, but they are among those that a range is measured over, and may be far
    /// larger than those of any word.
    fn without_padding(&mut self, x: Value, ids: &Value) -> Value {
        let measured = matches!(&*self.form, Form::Int8(int8) if int8.activations == Activations::Measured);
        if !measured || **ids != *Inputs::INPUT_IDS.name() {
            return x;
        }
        let last = self.ints(&[-1]);
        let mask = self.node("Unsqueeze", &[&Inputs::ATTENTION_MASK.name().into(), &last], &[]);
        let mask = self.cast(&mask, ElementType::F32);
        self.node("Mul", &[&x, &mask], &[])
    }

    /// What the outliers add, in floats.
    fn outlier_product(&mut self, outliers: &Value, weight: &Value, layer: &Layer<'_>) -> Result<Value> {
        let name = format!("{weight}.outliers");
        let stored = self.stored(weight, weight.clone(), false, Numbers::F32)?;
        let Contents::Stored(stored) = stored.contents else {
            return Err(Error::internal(format!("`{weight}` has no numbers")));
        };
        let columns = stored.columns(&layer.numbers.outliers)?;
        let count = layer.numbers.outliers.len();
        let columns = self.floats(&name, &[count, columns.len() / count], &columns);
        Ok(self.node("MatMul", &[outliers, &columns], &[]))
    }

    fn float_linear(&mut self, x: &Value, weight: &Value, bias: Option<&Value>) -> Result<Value> {
        let weight = self.float_weight(weight)?;
        // What is made of weights alone is computed once, when the graph is loaded, by the processor: in 32 bits, since
        // ONNX Runtime has no product of halves there.
        let once = self.facts(x).is_of_weights;
        let [x, weight] = match once {
            true => [self.widened(x), self.widened(&weight)],
            false if self.facts(&weight).is_half => [self.narrowed(x), weight],
            false => [x.clone(), weight],
        };
        let product = self.node("MatMul", &[&x, &weight], &[]);
        let sum = match bias {
            Some(bias) => {
                let bias = self.float_weight(bias)?;
                self.binary("Add", &product, &bias)
            }
            None => product,
        };
        Ok(if once { self.narrowed(&sum) } else { sum })
    }

    fn integer_product(&mut self, x: &Value, [step, zero]: &[Value; 2], matrix: &Int8Weight) -> Value {
        let product = self.node("MatMulInteger", &[x, &matrix.values, zero, &matrix.zero], &[]);
        let product = self.cast(&product, ElementType::F32);
        let steps = self.node("Mul", &[step, &matrix.steps], &[]);
        self.node("Mul", &[&product, &steps], &[])
    }

    fn float_product(&mut self, x: &Value, matrix: &Int8Weight) -> Value {
        let inputs = [&matrix.values, &matrix.steps, &matrix.zero];
        let weight = self.node("DequantizeLinear", &inputs, &[Attribute::Int("axis", 1)]);
        self.node("MatMul", &[x, &weight], &[])
    }

    /// The integers of `x`; layers that share it share them.
    fn int8_input(&mut self, x: &Value, layer: &Layer<'_>) -> Result<Int8Input> {
        if let Some(known) = self.int8_inputs.get(x) {
            return Ok(known.clone());
        }
        let smoothed = match layer.numbers.input_factors(layer.channels) {
            Some(factors) => {
                let factors = self.floats(&format!("{}.input.factors", layer.name), &[factors.len()], &factors);
                self.node("Mul", &[x, &factors], &[])
            }
            None => x.clone(),
        };
        let outliers = (!layer.numbers.outliers.is_empty()).then(|| {
            let indices: Vec<i64> = layer.numbers.outliers.iter().map(|&idx| idx as i64).collect();
            let indices = self.ints(&indices);
            self.node("Gather", &[x, &indices], &[Attribute::Int("axis", -1)])
        });
        let input = match layer.int8.activations {
            Activations::Measured => {
                let [values, step, zero] = self.node_with_outputs("DynamicQuantizeLinear", &[&smoothed], &[]);
                Int8Input { values, measured: Some([step, zero]), outliers }
            }
            Activations::Calibrated => {
                let (step, zero_point) = layer.numbers.step_and_zero(layer.name)?;
                let step = self.floats(&format!("{}.input.step", layer.name), &[], &[step]);
                let zero = format!("{}.input.zero", layer.name);
                let zero = self.constant(zero, ElementType::U8, vec![], vec![zero_point]);
                let integers = self.node("QuantizeLinear", &[&smoothed, &step, &zero], &[]);
                let values = self.node("DequantizeLinear", &[&integers, &step, &zero], &[]);
                Int8Input { values, measured: None, outliers }
            }
        };
        self.int8_inputs.insert(x.clone(), input.clone());
        Ok(input)
    }

    fn int8_matrix(&mut self, weight: &Value, layer: &Layer<'_>) -> Result<Int8Weight> {
        let range = GridRange { is_unsigned: layer.int8.unsigned_weights, is_reduced: layer.int8.reduced_range };
        let factors = layer.numbers.weight_factors(layer.channels);
        // A matrix that an architecture uses several times is smoothed for each site by itself.
        let name = match layer.name.rsplit_once('#') {
            Some((_, ordinal)) if factors.is_some() => format!("{weight}.int8#{ordinal}"),
            _ => format!("{weight}.int8"),
        };
        self.int8_weight(weight, factors, range, &name)
    }

    /// A weight in integers, under `name`: a matrix turned, a table as it is.
    fn int8_weight(
        &mut self,
        handle: &Value,
        factors: Option<Rc<[f32]>>,
        range: GridRange,
        name: &str,
    ) -> Result<Int8Weight> {
        if let Some(known) = self.int8_weights.get(name) {
            return Ok(known.clone());
        }
        let is_matrix = self.is_matrix(handle)?;
        let values = self.unique(name);
        let plain = self.stored(handle, values.clone(), is_matrix, Numbers::F32)?;
        let Contents::Stored(source) = &plain.contents else {
            return Err(Error::internal(format!("`{handle}` has no numbers")));
        };
        let rows = source.shape.first().copied().unwrap_or(1);
        let grid = Rc::new(Grid::of(source, rows, factors, range)?);
        let steps_shape = if is_matrix { vec![rows] } else { vec![rows, 1] };
        let steps = self.floats(&format!("{name}.step"), &steps_shape, &grid.steps);
        let zeros = vec![range.zero(); rows];
        let zero = self.constant(format!("{name}.zero"), range.element_type(), vec![rows], zeros);
        let stored = Stored { numbers: Numbers::Int8(grid), ..source.clone() };
        self.add_tensor(Tensor { contents: Contents::Stored(stored), ..plain });
        let weight = Int8Weight { values, steps, zero };
        self.int8_weights.insert(name.to_owned(), weight.clone());
        Ok(weight)
    }

    /// The bias of a layer with what calibration adds to it.
    fn corrected_bias(&mut self, weight: &Value, bias: Option<&Value>, numbers: &SiteNumbers) -> Result<Option<Value>> {
        let stored = bias.map(|bias| self.loaded(bias)).transpose()?;
        match numbers.corrected_bias(weight, stored)? {
            Some(sum) => Ok(Some(self.floats(&format!("{weight}.corrected_bias"), &[sum.len()], &sum))),
            None => bias.map(|bias| self.float_weight(bias)).transpose(),
        }
    }
}

/// A linear layer that is to be in integers.
struct Layer<'l> {
    /// Name of its site.
    name: &'l str,
    numbers: &'l SiteNumbers,
    int8: &'l Int8,
    /// Inputs of the layer.
    channels: usize,
}
