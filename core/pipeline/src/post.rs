//! What follows pooling: dense layers and normalisation, in the package's order.

use std::sync::Arc;

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Activation, Dense, Module, Package};

/// One step on a pooled vector.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// `activation(weight · x + bias)`
    Dense(Arc<Layer>),
    /// Division by the Euclidean length, but by 1e-12 at least, as `torch.nn.functional.normalize`.
    Normalize,
}

/// A dense layer with its weights.
#[derive(Debug)]
pub(crate) struct Layer {
    /// `[out, in]`, row-major.
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    inputs: usize,
    activation: Activation,
}

/// The steps after pooling of a package.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    steps: Vec<Step>,
    dim: usize,
    scratch: Vec<f32>,
}

impl Post {
    /// The steps for pooled vectors of `pooled` numbers, with the weights of dense layers.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a step before pooling,
    /// [`drivetrain_contract::ErrorKind::Model`] for a dense layer that does not fit what comes before it, besides those
    /// of reading weights.
    pub(crate) fn new(package: &Package, pooled: usize) -> Result<Self> {
        let modules = package.modules();
        let pooling = modules.iter().position(|module| matches!(module, Module::Pooling(_)));
        let (before, after) = modules.split_at(pooling.unwrap_or(0));
        if let Some(module) = before.iter().find(|module| !matches!(module, Module::Transformer { .. })) {
            let message = format!("module {module:?} comes before pooling, where only a graph can run it");
            return Err(Error::unsupported(message).with_hint("use a model file with the output `sentence_embedding`"));
        }
        let mut post = Self { steps: Vec::new(), dim: pooled, scratch: Vec::new() };
        for module in after {
            match module {
                Module::Dense(dense) => {
                    let layer = Layer::load(package, dense, post.dim)?;
                    post.dim = dense.out_features;
                    post.steps.push(Step::Dense(Arc::new(layer)));
                }
                Module::Normalize => post.steps.push(Step::Normalize),
                _ => {}
            }
        }
        Ok(post)
    }

    /// Numbers in the vector that comes out.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Applies every step to a pooled vector.
    pub(crate) fn apply(&mut self, vector: &mut Vec<f32>) {
        for step in &self.steps {
            match step {
                Step::Dense(layer) => {
                    layer.apply(vector, &mut self.scratch);
                    std::mem::swap(vector, &mut self.scratch);
                }
                Step::Normalize => normalize(vector),
            }
        }
    }
}

impl Layer {
    fn load(package: &Package, dense: &Dense, inputs: usize) -> Result<Self> {
        if dense.in_features != inputs {
            return Err(Error::model(format!(
                "dense layer `{}` takes {} numbers, but the step before it gives {inputs}",
                dense.path, dense.in_features
            )));
        }
        let weights = package.module_weights(&dense.path)?;
        let read = |name: &str, shape: &[usize]| -> Result<Vec<f32>> {
            weights.require(name, shape)?;
            let mut data = Vec::new();
            weights.read_f32(name, &mut data)?;
            Ok(data)
        };
        Ok(Self {
            weight: read("linear.weight", &[dense.out_features, inputs])?,
            bias: dense.bias.then(|| read("linear.bias", &[dense.out_features])).transpose()?,
            inputs,
            activation: dense.activation,
        })
    }

    fn apply(&self, vector: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend(self.weight.chunks_exact(self.inputs).map(|row| dot(row, vector)));
        if let Some(bias) = &self.bias {
            out.iter_mut().zip(bias).for_each(|(sum, bias)| *sum += bias);
        }
        out.iter_mut().for_each(|number| *number = activate(self.activation, *number));
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalize(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt().max(1e-12);
    vector.iter_mut().for_each(|number| *number /= length);
}

/// The functions of `torch.nn` with default arguments. Each lets a NaN through, so that it is found later.
fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => x.tanh(),
        Activation::Relu if x < 0.0 => 0.0,
        Activation::Relu => x,
        Activation::Gelu => x * 0.5 * (1.0 + erf(f64::from(x) / std::f64::consts::SQRT_2)) as f32,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// The error function, to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, formula 7.1.26.
fn erf(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
    let t = 1.0 / (1.0 + 0.3275911 * x.abs());
    let polynomial = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    (1.0 - polynomial * (-x * x).exp()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layer: &Layer, input: &[f32], expect: &[f32]) {
        let mut out = vec![9.0; 7];
        layer.apply(input, &mut out);
        assert_eq!(out.len(), expect.len());
        for (found, wanted) in out.iter().zip(expect) {
            assert!((found - wanted).abs() < 1e-6, "{out:?}, not {expect:?}");
        }
    }

    #[test]
    fn dense_layers_multiply_add_and_activate() {
        let layer = |bias: Option<Vec<f32>>, activation| Layer {
            weight: vec![1.0, 2.0, -3.0, 0.5, 0.0, 1.0],
            bias,
            inputs: 2,
            activation,
        };
        check(&layer(None, Activation::Identity), &[2.0, 1.0], &[4.0, -5.5, 1.0]);
        check(&layer(Some(vec![0.5, 0.5, -2.0]), Activation::Relu), &[2.0, 1.0], &[4.5, 0.0, 0.0]);
        check(&layer(None, Activation::Tanh), &[0.5, 0.0], &[0.5f32.tanh(), (-1.5f32).tanh(), 0.0]);
    }

    #[test]
    fn activations_agree_with_torch() {
        for (activation, at_one, at_minus_two) in [
            (Activation::Gelu, 0.841_344_8, -0.045_500_26),
            (Activation::Sigmoid, 0.731_058_6, 0.119_202_92),
            (Activation::Silu, 0.731_058_6, -0.238_405_84),
        ] {
            assert!((activate(activation, 1.0) - at_one).abs() < 1e-6, "{activation:?}");
            assert!((activate(activation, -2.0) - at_minus_two).abs() < 1e-6, "{activation:?}");
            assert!(activate(activation, f32::NAN).is_nan(), "{activation:?}");
        }
        assert!(activate(Activation::Relu, f32::NAN).is_nan());
    }

    #[test]
    fn normalised_vectors_have_length_one_and_zeros_stay_zeros() {
        let mut vector = [3.0, -4.0];
        normalize(&mut vector);
        assert_eq!(vector, [0.6, -0.8]);
        let mut zeros = [0.0; 4];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0; 4]);
    }
}
