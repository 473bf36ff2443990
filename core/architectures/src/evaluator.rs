//! The operations computed in the plainest way: what the tests run architectures with.

use std::rc::Rc;

use drivetrain_contract::Result;

use crate::{Activation, AttentionInputs, Ops, Reach, RelativeScores, StoredWeight};

/// A tensor of floats; integers are kept as floats, which are exact up to 2²⁴.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Rc<[f32]>,
}

impl Array {
    pub(crate) fn new(shape: &[usize], data: impl IntoIterator<Item = f32>) -> Self {
        let data: Rc<[f32]> = data.into_iter().collect();
        assert_eq!(data.len(), shape.iter().product::<usize>(), "{shape:?}");
        Self { shape: shape.to_vec(), data }
    }

    fn scalar(value: f32) -> Self {
        Self::new(&[], [value])
    }

    fn last(&self) -> usize {
        *self.shape.last().unwrap()
    }

    fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.data.chunks_exact(self.last())
    }

    fn map(&self, f: impl Fn(f32) -> f32) -> Result<Self> {
        Ok(Self::new(&self.shape, self.data.iter().map(|&x| f(x))))
    }

    fn with_last(&self, last: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        *shape.last_mut().unwrap() = last;
        shape
    }

    /// Element `idx` of `shape` in this tensor, broadcast to `shape`.
    fn broadcast(&self, shape: &[usize], mut idx: usize) -> f32 {
        let (mut position, mut stride) = (0, 1);
        let own = self.shape.iter().rev().copied().chain(std::iter::repeat(1));
        for (&extent, own) in shape.iter().rev().zip(own) {
            assert!(own == extent || own == 1, "{:?} does not broadcast to {shape:?}", self.shape);
            position += if own == 1 { 0 } else { idx % extent * stride };
            stride *= own;
            idx /= extent;
        }
        self.data[position]
    }

    fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Result<Self> {
        let rank = self.shape.len().max(other.shape.len());
        let extent =
            |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
        let shape: Vec<usize> =
            (0..rank).map(|axis| extent(&self.shape, axis).max(extent(&other.shape, axis))).collect();
        let value = |idx| f(self.broadcast(&shape, idx), other.broadcast(&shape, idx));
        Ok(Self::new(&shape, (0..shape.iter().product()).map(value)))
    }

    /// `[B, S, H]` to `[B, H]`.
    fn reduce_tokens(&self, start: f32, f: impl Fn(f32, f32) -> f32) -> Result<Self> {
        let [batch, length, width] = self.shape[..] else { panic!("{:?}", self.shape) };
        let at = |row: usize, token: usize, column: usize| self.data[(row * length + token) * width + column];
        let reduce = |idx: usize| (0..length).fold(start, |sum, token| f(sum, at(idx / width, token, idx % width)));
        Ok(Self::new(&[batch, width], (0..batch * width).map(reduce)))
    }
}

/// Reads a weight whole.
pub(crate) fn load(weight: &StoredWeight<'_>) -> Result<Array> {
    let mut data = Vec::new();
    weight.weights.read_f32(&weight.name, &mut data)?;
    Ok(Array::new(&weight.shape, data))
}

/// Computes as it is asked.
#[derive(Debug)]
pub(crate) struct Evaluator;

impl Ops for Evaluator {
    type Weight = Array;
    type Tensor = Array;

    fn embedding(&mut self, table: &Array, ids: &Array) -> Result<Array> {
        let width = table.last();
        let shape = [&ids.shape[..], &[width]].concat();
        let row = |&id: &f32| table.data[id as usize * width..][..width].to_vec();
        Ok(Array::new(&shape, ids.data.iter().flat_map(row)))
    }

    fn positions(&mut self, like: &Array) -> Result<Array> {
        Ok(Array::new(&[1, like.shape[1]], (0..like.shape[1]).map(|position| position as f32)))
    }

    fn weight(&mut self, weight: &Array) -> Result<Array> {
        Ok(weight.clone())
    }

    fn constant(&mut self, values: &[f32], shape: &[usize]) -> Result<Array> {
        Ok(Array::new(shape, values.iter().copied()))
    }

    fn positions_after(&mut self, ids: &Array, padding_id: i64) -> Result<Array> {
        let padding_id = padding_id as f32;
        let positions = ids.rows().flat_map(|row| {
            let mut position = padding_id;
            let of = move |&id: &f32| {
                if id == padding_id {
                    return padding_id;
                }
                position += 1.0;
                position
            };
            row.iter().map(of).collect::<Vec<_>>()
        });
        Ok(Array::new(&ids.shape, positions))
    }

    fn relative_positions(&mut self, like: &Array) -> Result<Array> {
        let length = like.shape[1];
        let distance = |idx: usize| (idx % length) as f32 - (idx / length) as f32;
        Ok(Array::new(&[length, length], (0..length * length).map(distance)))
    }

    fn lookup(&mut self, x: &Array, table: &[i64]) -> Result<Array> {
        let far = (table.len() / 2) as f32;
        x.map(|x| table[(x.clamp(-far, far) + far) as usize] as f32)
    }

    fn tied_linear(&mut self, x: &Array, table: &Array, bias: Option<&Array>) -> Result<Array> {
        self.linear(x, table, bias)
    }

    fn linear(&mut self, x: &Array, weight: &Array, bias: Option<&Array>) -> Result<Array> {
        let mut data = Vec::new();
        for row in x.rows() {
            for (idx, column) in weight.rows().enumerate() {
                let product: f32 = row.iter().zip(column).map(|(a, b)| a * b).sum();
                data.push(product + bias.map_or(0.0, |bias| bias.data[idx]));
            }
        }
        Ok(Array::new(&x.with_last(weight.shape[0]), data))
    }

    fn layer_norm(&mut self, x: &Array, weight: &Array, bias: Option<&Array>, eps: f32) -> Result<Array> {
        let width = x.last() as f32;
        let normalised = x.rows().flat_map(|row| {
            let mean = row.iter().sum::<f32>() / width;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / width;
            let scaled = |(idx, x): (usize, &f32)| {
                (x - mean) / (variance + eps).sqrt() * weight.data[idx] + bias.map_or(0.0, |bias| bias.data[idx])
            };
            row.iter().enumerate().map(scaled).collect::<Vec<_>>()
        });
        Ok(Array::new(&x.shape, normalised))
    }

    fn rms_norm(&mut self, x: &Array, weight: &Array, eps: f32) -> Result<Array> {
        let normalised = x.rows().flat_map(|row| {
            let square = row.iter().map(|x| x * x).sum::<f32>() / row.len() as f32;
            row.iter().zip(weight.data.iter()).map(|(x, w)| x / (square + eps).sqrt() * w).collect::<Vec<_>>()
        });
        Ok(Array::new(&x.shape, normalised))
    }

    fn activation(&mut self, x: &Array, activation: Activation) -> Result<Array> {
        let tanh_gelu = |x: f32| 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh());
        x.map(match activation {
            Activation::Identity => |x| x,
            Activation::Gelu => |x| (f64::from(x) * (1.0 + erf(f64::from(x) / 2f64.sqrt())) / 2.0) as f32,
            Activation::GeluTanh => tanh_gelu,
            Activation::Relu => |x: f32| x.max(0.0),
            Activation::Sigmoid => |x: f32| 1.0 / (1.0 + (-x).exp()),
            Activation::Silu => |x: f32| x / (1.0 + (-x).exp()),
            Activation::Tanh => f32::tanh,
        })
    }

    fn attention_mask(&mut self, mask: &Array, reach: Reach) -> Result<Array> {
        let [batch, length] = mask.shape[..] else { panic!("{:?}", mask.shape) };
        let visible = match reach.table()? {
            None => Array::new(&[batch, 1, 1, length], mask.data.iter().copied()),
            Some(table) => {
                let distances = self.relative_positions(mask)?;
                let near = self.lookup(&distances, &table)?;
                near.zip(&Array::new(&[batch, 1, 1, length], mask.data.iter().copied()), |near, mask| near * mask)?
            }
        };
        visible.map(|visible| (1.0 - visible) * f32::MIN)
    }

    fn attention(&mut self, inputs: &AttentionInputs<'_, Array>) -> Result<Array> {
        let AttentionInputs { query, key, value, bias, heads, kv_heads, head_dim, divisor } = *inputs;
        let [batch, length, width] = query.shape[..] else { panic!("{:?}", query.shape) };
        assert_eq!((width, key.last(), value.last()), (heads * head_dim, kv_heads * head_dim, kv_heads * head_dim));
        let scores_shape = [batch, heads, length, length];
        let mut data = vec![0.0; batch * length * width];
        for (text, head) in (0..batch).flat_map(|text| (0..heads).map(move |head| (text, head))) {
            let part = |x: &Array, token: usize, head: usize| {
                x.data[(text * length + token) * x.last() + head * head_dim..][..head_dim].to_vec()
            };
            let kv_head = head / (heads / kv_heads);
            let keys: Vec<_> = (0..length).map(|token| part(key, token, kv_head)).collect();
            let values: Vec<_> = (0..length).map(|token| part(value, token, kv_head)).collect();
            for token in 0..length {
                let query = part(query, token, head);
                let score = |other: usize| {
                    let place = ((text * heads + head) * length + token) * length + other;
                    dot(&query, &keys[other]) / divisor + bias.broadcast(&scores_shape, place)
                };
                let scores: Vec<f32> = (0..length).map(score).collect();
                let largest = scores.iter().copied().fold(f32::MIN, f32::max);
                let shares: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
                let total: f32 = shares.iter().sum();
                for (share, value) in shares.iter().zip(&values) {
                    let start = (text * length + token) * width + head * head_dim;
                    for (out, x) in data[start..].iter_mut().zip(value) {
                        *out += share / total * x;
                    }
                }
            }
        }
        Ok(Array::new(&query.shape, data))
    }

    fn relative_scores(&mut self, inputs: &RelativeScores<'_, Array>) -> Result<Array> {
        let RelativeScores { x, rows, index, heads, head_dim } = *inputs;
        let [batch, length, width] = x.shape[..] else { panic!("{:?}", x.shape) };
        assert_eq!((width, rows.last()), (heads * head_dim, heads * head_dim));
        let score = |idx: usize| {
            let (other, token) = (idx % length, idx / length % length);
            let (head, text) = (idx / (length * length) % heads, idx / (length * length * heads));
            let row = index.data[token * length + other] as usize;
            let x = &x.data[(text * length + token) * width + head * head_dim..][..head_dim];
            dot(x, &rows.data[row * width + head * head_dim..][..head_dim])
        };
        Ok(Array::new(&[batch, heads, length, length], (0..batch * heads * length * length).map(score)))
    }

    fn split_heads(&mut self, x: &Array, heads: usize) -> Result<Array> {
        let [batch, length, width] = x.shape[..] else { panic!("{:?}", x.shape) };
        Ok(Array { shape: vec![batch, length, heads, width / heads], data: x.data.clone() })
    }

    fn merge_heads(&mut self, x: &Array) -> Result<Array> {
        let [batch, length, heads, dim] = x.shape[..] else { panic!("{:?}", x.shape) };
        Ok(Array { shape: vec![batch, length, heads * dim], data: x.data.clone() })
    }

    fn slice_last(&mut self, x: &Array, start: usize, len: usize) -> Result<Array> {
        Ok(Array::new(&x.with_last(len), x.rows().flat_map(|row| row[start..][..len].to_vec())))
    }

    fn permute(&mut self, x: &Array, axes: &[usize]) -> Result<Array> {
        let strides: Vec<usize> = (0..x.shape.len()).map(|axis| x.shape[axis + 1..].iter().product()).collect();
        let shape: Vec<usize> = axes.iter().map(|&axis| x.shape[axis]).collect();
        let element = |mut idx: usize| {
            let mut place = 0;
            for (&extent, &axis) in shape.iter().zip(axes).rev() {
                place += idx % extent * strides[axis];
                idx /= extent;
            }
            x.data[place]
        };
        Ok(Array::new(&shape, (0..x.data.len()).map(element)))
    }

    fn add(&mut self, a: &Array, b: &Array) -> Result<Array> {
        a.zip(b, |a, b| a + b)
    }

    fn sub(&mut self, a: &Array, b: &Array) -> Result<Array> {
        a.zip(b, |a, b| a - b)
    }

    fn mul(&mut self, a: &Array, b: &Array) -> Result<Array> {
        a.zip(b, |a, b| a * b)
    }

    fn div(&mut self, a: &Array, b: &Array) -> Result<Array> {
        a.zip(b, |a, b| a / b)
    }

    fn add_scalar(&mut self, x: &Array, constant: f32) -> Result<Array> {
        x.zip(&Array::scalar(constant), |a, b| a + b)
    }

    fn clamp_min(&mut self, x: &Array, minimum: f32) -> Result<Array> {
        x.map(|x| x.max(minimum))
    }

    fn sqrt(&mut self, x: &Array) -> Result<Array> {
        x.map(f32::sqrt)
    }

    fn abs(&mut self, x: &Array) -> Result<Array> {
        x.map(f32::abs)
    }

    fn cos(&mut self, x: &Array) -> Result<Array> {
        x.map(f32::cos)
    }

    fn sin(&mut self, x: &Array) -> Result<Array> {
        x.map(f32::sin)
    }

    fn log1p(&mut self, x: &Array) -> Result<Array> {
        x.map(f32::ln_1p)
    }

    fn to_float(&mut self, x: &Array) -> Result<Array> {
        Ok(x.clone())
    }

    fn unsqueeze_last(&mut self, x: &Array) -> Result<Array> {
        Ok(Array { shape: [&x.shape[..], &[1]].concat(), data: x.data.clone() })
    }

    fn masked_fill(&mut self, x: &Array, mask: &Array, value: f32) -> Result<Array> {
        x.zip(mask, |x, mask| if mask == 0.0 { value } else { x })
    }

    fn sum_tokens(&mut self, x: &Array) -> Result<Array> {
        x.reduce_tokens(0.0, |a, b| a + b)
    }

    fn max_tokens(&mut self, x: &Array) -> Result<Array> {
        x.reduce_tokens(f32::MIN, f32::max)
    }

    fn first_index(&mut self, mask: &Array) -> Result<Array> {
        let first = |row: &[f32]| row.iter().position(|&x| x == 1.0).unwrap_or(0) as f32;
        Ok(Array::new(&[mask.shape[0], 1], mask.rows().map(first)))
    }

    fn last_index(&mut self, mask: &Array) -> Result<Array> {
        let last = |row: &[f32]| row.iter().rposition(|&x| x == 1.0).unwrap_or(0) as f32;
        Ok(Array::new(&[mask.shape[0], 1], mask.rows().map(last)))
    }

    fn token_at(&mut self, x: &Array, index: &Array) -> Result<Array> {
        let [batch, length, width] = x.shape[..] else { panic!("{:?}", x.shape) };
        let row = |text: usize| &x.data[(text * length + index.data[text] as usize) * width..][..width];
        Ok(Array::new(&[batch, width], (0..batch).flat_map(row).copied()))
    }

    fn concat_last(&mut self, parts: &[Array]) -> Result<Array> {
        let rows = parts[0].data.len() / parts[0].last();
        let width = parts.iter().map(Array::last).sum();
        let joined =
            (0..rows).flat_map(|row| parts.iter().flat_map(move |part| part.rows().nth(row).unwrap().to_vec()));
        Ok(Array::new(&parts[0].with_last(width), joined))
    }

    fn l2_norm(&mut self, x: &Array) -> Result<Array> {
        let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
        Ok(Array::new(&x.with_last(1), x.rows().map(norm)))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The error function: its Maclaurin series, `2/√π Σ (-1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1))`, exact enough in 64 bits up to 4.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}
