//! The operations computed in the plainest way: what the tests run architectures with.

use std::rc::Rc;

use drivetrain_contract::Result;

use crate::{Activation, AttentionInputs, Ops, StoredWeight};

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

    fn layer_norm(&mut self, x: &Array, weight: &Array, bias: &Array, eps: f32) -> Result<Array> {
        let width = x.last() as f32;
        let normalised = x.rows().flat_map(|row| {
            let mean = row.iter().sum::<f32>() / width;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / width;
            let scaled = move |(x, (w, b)): (&f32, (&f32, &f32))| (x - mean) / (variance + eps).sqrt() * w + b;
            row.iter().zip(weight.data.iter().zip(bias.data.iter())).map(scaled).collect::<Vec<_>>()
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

    fn attention_mask(&mut self, mask: &Array) -> Result<Array> {
        let [batch, length] = mask.shape[..] else { panic!("{:?}", mask.shape) };
        Ok(Array::new(&[batch, 1, 1, length], mask.data.iter().map(|mask| (1.0 - mask) * f32::MIN)))
    }

    fn attention(&mut self, inputs: &AttentionInputs<'_, Array>) -> Result<Array> {
        let AttentionInputs { query, key, value, mask, heads, head_dim } = *inputs;
        let [batch, length, width] = query.shape[..] else { panic!("{:?}", query.shape) };
        let mut data = vec![0.0; batch * length * width];
        for (text, head) in (0..batch).flat_map(|text| (0..heads).map(move |head| (text, head))) {
            let start = |token: usize| (text * length + token) * width + head * head_dim;
            let part = |x: &Array, token: usize| x.data[start(token)..][..head_dim].to_vec();
            let keys: Vec<_> = (0..length).map(|token| part(key, token)).collect();
            let values: Vec<_> = (0..length).map(|token| part(value, token)).collect();
            for token in 0..length {
                let query = part(query, token);
                let dot = |key: &Vec<f32>| query.iter().zip(key).map(|(q, k)| q * k).sum::<f32>();
                let scaled = |(key, mask): (&Vec<f32>, &f32)| dot(key) / (head_dim as f32).sqrt() + mask;
                let scores: Vec<f32> = keys.iter().zip(&mask.data[text * length..]).map(scaled).collect();
                let largest = scores.iter().copied().fold(f32::MIN, f32::max);
                let shares: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
                let total: f32 = shares.iter().sum();
                for (share, value) in shares.iter().zip(&values) {
                    for (out, x) in data[start(token)..].iter_mut().zip(value) {
                        *out += share / total * x;
                    }
                }
            }
        }
        Ok(Array::new(&query.shape, data))
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
