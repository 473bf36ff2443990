//! The operations of `drivetrain-architectures`, computed by libtorch.
//!
//! Half precisions: token vectors and weights are in the session's precision, sums over tokens and lengths of vectors
//! in f32, and so is what is computed with them after that.

use std::rc::Rc;

use drivetrain_architectures::{Activation, AttentionInputs, Ops, Reach, RelativeScores};
use drivetrain_contract::{Call, Result};
use tch::{Device, Kind, TchError, Tensor};

use crate::{error, mapped::Weight};

/// A computed tensor; cloning it copies no numbers.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    tensor: Rc<Tensor>,
    /// Whether this is a mask of attention that hides nothing, which is faster to leave out.
    hides_nothing: bool,
}

/// Computes as it is asked, on one device in one precision.
pub(crate) struct TorchOps<'a> {
    /// Type of token vectors and weights.
    pub(crate) kind: Kind,
    /// Where everything is.
    pub(crate) device: Device,
    /// Whether any text of the batch is shorter than the longest.
    pub(crate) has_padding: bool,
    /// Asked once in each layer whether to go on.
    pub(crate) call: &'a dyn Call,
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self { tensor: Rc::new(tensor), hides_nothing: false }
    }
}

impl std::ops::Deref for Value {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.tensor
    }
}

impl TorchOps<'_> {
    /// Table of integers as a tensor.
    fn integers(&self, values: &[i64]) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(values)?.f_to(self.device)
    }

    /// A tensor in the precision of the weights: what was computed with numbers of the architecture's own, such as
    /// angles, and what was pooled is in f32.
    fn as_weights(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_to_dtype(self.kind, false, false)
    }

    fn arange(&self, n: i64) -> Result<Tensor, TchError> {
        Tensor::f_arange(n, (Kind::Int64, self.device))
    }

    /// The smallest finite number of the session's precision, so far below 0 that its exponential is 0.
    fn lowest(&self) -> f64 {
        match self.kind {
            Kind::Half => -65_504.0,
            // Three quarters of the lowest: what is added to it must stay finite.
            _ => f64::from(f32::MIN) * 0.75,
        }
    }
}

/// Extent of an axis, counted from the end.
fn extent(x: &Tensor, from_end: usize) -> i64 {
    let size = x.size();
    size.len().checked_sub(from_end).and_then(|axis| size.get(axis)).copied().unwrap_or(1)
}

fn value(computed: Result<Tensor, TchError>) -> Result<Value> {
    computed.map(Value::from).map_err(error::run)
}

impl Ops for TorchOps<'_> {
    type Weight = Weight;
    type Tensor = Value;

    fn embedding(&mut self, table: &Weight, ids: &Value) -> Result<Value> {
        value(Tensor::f_embedding(table.tensor(), ids, -1, false, false))
    }

    fn weight(&mut self, weight: &Weight) -> Result<Value> {
        Ok(weight.tensor().shallow_clone().into())
    }

    fn constant(&mut self, values: &[f32], shape: &[usize]) -> Result<Value> {
        let shape: Vec<i64> = shape.iter().map(|&extent| extent as i64).collect();
        let tensor = Tensor::f_from_slice(values).and_then(|flat| flat.f_reshape(&shape));
        value(tensor.and_then(|tensor| tensor.f_to(self.device)))
    }

    fn positions(&mut self, like: &Value) -> Result<Value> {
        value(self.arange(extent(like, 1)).and_then(|positions| positions.f_unsqueeze(0)))
    }

    fn positions_after(&mut self, ids: &Value, padding_id: i64) -> Result<Value> {
        let compute = || {
            let is_token = ids.f_ne(padding_id)?.f_to_dtype(Kind::Int64, false, false)?;
            is_token.f_cumsum(1, Kind::Int64)?.f_mul(&is_token)?.f_add_scalar(padding_id)
        };
        value(compute())
    }

    fn relative_positions(&mut self, like: &Value) -> Result<Value> {
        let compute = || {
            let positions = self.arange(extent(like, 1))?;
            positions.f_unsqueeze(0)?.f_sub(&positions.f_unsqueeze(1)?)
        };
        value(compute())
    }

    fn lookup(&mut self, x: &Value, table: &[i64]) -> Result<Value> {
        let furthest = (table.len() / 2) as i64;
        let compute = || {
            let index = x.f_clamp(-furthest, furthest)?.f_add_scalar(furthest)?;
            self.integers(table)?.f_index_select(0, &index.f_reshape([-1])?)?.f_reshape(x.size())
        };
        value(compute())
    }

    fn linear(&mut self, x: &Value, weight: &Weight, bias: Option<&Weight>) -> Result<Value> {
        let compute = || {
            let x = self.as_weights(x)?;
            x.f_linear(weight.tensor(), bias.map(Weight::tensor))
        };
        value(compute())
    }

    fn tied_linear(&mut self, x: &Value, table: &Weight, bias: Option<&Weight>) -> Result<Value> {
        self.linear(x, table, bias)
    }

    fn layer_norm(&mut self, x: &Value, weight: &Weight, bias: Option<&Weight>, eps: f32) -> Result<Value> {
        let shape = [extent(x, 1)];
        let compute = || {
            let x = self.as_weights(x)?;
            x.f_layer_norm(shape, Some(weight.tensor()), bias.map(Weight::tensor), eps.into(), true)
        };
        value(compute())
    }

    fn rms_norm(&mut self, x: &Value, weight: &Weight, eps: f32) -> Result<Value> {
        let compute = || self.as_weights(x)?.f_rms_norm([extent(x, 1)], Some(weight.tensor()), f64::from(eps));
        value(compute())
    }

    fn activation(&mut self, x: &Value, activation: Activation) -> Result<Value> {
        value(match activation {
            Activation::Identity => return Ok(x.clone()),
            Activation::Gelu => x.f_gelu("none"),
            Activation::GeluTanh => x.f_gelu("tanh"),
            Activation::Relu => x.f_relu(),
            Activation::Sigmoid => x.f_sigmoid(),
            Activation::Silu => x.f_silu(),
            Activation::Tanh => x.f_tanh(),
        })
    }

    fn attention_mask(&mut self, mask: &Value, reach: Reach) -> Result<Value> {
        let table = reach.table()?;
        let hides_nothing = table.is_none() && !self.has_padding;
        let reaches = match &table {
            Some(table) => {
                let relative = self.relative_positions(mask)?;
                Some(self.lookup(&relative, table)?)
            }
            None => None,
        };
        let compute = || {
            let mut seen = mask.f_ne(0)?.f_unsqueeze(1)?.f_unsqueeze(1)?;
            if let Some(reaches) = reaches {
                seen = seen.f_logical_and(&reaches.f_ne(0)?)?;
            }
            let zeros = Tensor::f_zeros(seen.size(), (self.kind, self.device))?;
            zeros.f_masked_fill(&seen.f_logical_not()?, self.lowest())
        };
        Ok(Value { hides_nothing, ..value(compute())? })
    }

    fn attention(&mut self, inputs: &AttentionInputs<'_, Value>) -> Result<Value> {
        self.call.check()?;
        let AttentionInputs { heads, kv_heads, head_dim, .. } = *inputs;
        let split = |x: &Tensor, heads: usize| {
            self.as_weights(x)?
                .f_reshape([extent(x, 3), extent(x, 2), heads as i64, head_dim as i64])?
                .f_transpose(1, 2)
        };
        // Neighbouring heads of the query share one of key and value.
        let shared = |x: &Tensor| match heads / kv_heads {
            1 => split(x, kv_heads),
            neighbours => split(x, kv_heads)?.f_repeat_interleave_self_int(neighbours as i64, 1, None),
        };
        let compute = || {
            let query = split(inputs.query, heads)?;
            let (key, value) = (shared(inputs.key)?, shared(inputs.value)?);
            let bias = match inputs.bias.hides_nothing {
                true => None,
                false => Some(self.as_weights(inputs.bias)?),
            };
            let scale = 1.0 / f64::from(inputs.divisor);
            let context = Tensor::f_scaled_dot_product_attention(&query, &key, &value, bias, 0.0, false, scale, false)?;
            let size = [extent(inputs.query, 3), extent(inputs.query, 2), (heads * head_dim) as i64];
            context.f_transpose(1, 2)?.f_reshape(size)
        };
        value(compute())
    }

    fn relative_scores(&mut self, inputs: &RelativeScores<'_, Value>) -> Result<Value> {
        let (heads, head_dim) = (inputs.heads as i64, inputs.head_dim as i64);
        let compute = || {
            let (n_texts, length) = (extent(inputs.x, 3), extent(inputs.x, 2));
            let x = inputs.x.f_reshape([n_texts, length, heads, head_dim])?.f_transpose(1, 2)?;
            let rows = inputs.rows.f_reshape([extent(inputs.rows, 2), heads, head_dim])?.f_permute([1, 2, 0])?;
            let index = inputs.index.f_unsqueeze(0)?.f_unsqueeze(0)?;
            x.f_matmul(&rows)?.f_gather(3, &index.f_expand([n_texts, heads, length, length], false)?, false)
        };
        value(compute())
    }

    fn split_heads(&mut self, x: &Value, heads: usize) -> Result<Value> {
        let mut shape = x.size();
        if let Some(last) = shape.pop() {
            shape.extend([heads as i64, last / heads.max(1) as i64]);
        }
        value(x.f_reshape(&shape))
    }

    fn merge_heads(&mut self, x: &Value) -> Result<Value> {
        let mut shape = x.size();
        if let (Some(last), Some(heads)) = (shape.pop(), shape.pop()) {
            shape.push(heads * last);
        }
        value(x.f_reshape(&shape))
    }

    fn slice_last(&mut self, x: &Value, start: usize, len: usize) -> Result<Value> {
        value(x.f_narrow(-1, start as i64, len as i64))
    }

    fn permute(&mut self, x: &Value, axes: &[usize]) -> Result<Value> {
        let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        value(x.f_permute(&axes))
    }

    fn add(&mut self, a: &Value, b: &Value) -> Result<Value> {
        // A mask that hides nothing is all zeros.
        match (a.hides_nothing, b.hides_nothing) {
            (true, _) if b.dim() >= a.dim() => Ok(b.clone()),
            (_, true) if a.dim() >= b.dim() => Ok(a.clone()),
            _ => value(a.f_add(b)),
        }
    }

    fn sub(&mut self, a: &Value, b: &Value) -> Result<Value> {
        value(a.f_sub(b))
    }

    fn mul(&mut self, a: &Value, b: &Value) -> Result<Value> {
        value(a.f_mul(b))
    }

    fn div(&mut self, a: &Value, b: &Value) -> Result<Value> {
        value(a.f_div(b))
    }

    fn add_scalar(&mut self, x: &Value, constant: f32) -> Result<Value> {
        value(x.f_add_scalar(f64::from(constant)))
    }

    fn clamp_min(&mut self, x: &Value, minimum: f32) -> Result<Value> {
        value(x.f_clamp_min(f64::from(minimum)))
    }

    fn sqrt(&mut self, x: &Value) -> Result<Value> {
        value(x.f_sqrt())
    }

    fn abs(&mut self, x: &Value) -> Result<Value> {
        value(x.f_abs())
    }

    fn cos(&mut self, x: &Value) -> Result<Value> {
        value(x.f_cos())
    }

    fn sin(&mut self, x: &Value) -> Result<Value> {
        value(x.f_sin())
    }

    fn log1p(&mut self, x: &Value) -> Result<Value> {
        value(x.f_log1p())
    }

    fn to_float(&mut self, x: &Value) -> Result<Value> {
        // Counts and positions, which half precisions hold exactly up to 256 only.
        value(x.f_to_dtype(Kind::Float, false, false))
    }

    fn unsqueeze_last(&mut self, x: &Value) -> Result<Value> {
        value(x.f_unsqueeze(-1))
    }

    fn masked_fill(&mut self, x: &Value, mask: &Value, number: f32) -> Result<Value> {
        let number = f64::from(number).max(self.lowest());
        value(mask.f_eq(0).and_then(|hidden| x.f_masked_fill(&hidden, number)))
    }

    fn sum_tokens(&mut self, x: &Value) -> Result<Value> {
        value(x.f_sum_dim_intlist([1_i64].as_slice(), false, Kind::Float))
    }

    fn max_tokens(&mut self, x: &Value) -> Result<Value> {
        value(x.f_amax([1], false))
    }

    fn first_index(&mut self, mask: &Value) -> Result<Value> {
        value(mask.f_argmax(1, true))
    }

    fn last_index(&mut self, mask: &Value) -> Result<Value> {
        // The largest position that counts; where none does, all are 0 and the first is taken.
        let compute = || mask.f_mul(&self.arange(extent(mask, 1))?)?.f_argmax(1, true);
        value(compute())
    }

    fn token_at(&mut self, x: &Value, index: &Value) -> Result<Value> {
        let compute = || {
            let index = index.f_unsqueeze(-1)?.f_expand([extent(x, 3), 1, extent(x, 1)], false)?;
            x.f_gather(1, &index, false)?.f_squeeze_dim(1)
        };
        value(compute())
    }

    fn concat_last(&mut self, parts: &[Value]) -> Result<Value> {
        let parts: Vec<&Tensor> = parts.iter().map(|part| &**part).collect();
        value(Tensor::f_cat(&parts, -1))
    }

    fn l2_norm(&mut self, x: &Value) -> Result<Value> {
        let compute = || {
            let x = x.f_to_dtype(Kind::Float, false, false)?;
            x.f_norm_scalaropt_dim(2, [-1], true)
        };
        value(compute())
    }
}
