//! BERT as in "BERT: Pre-training of Deep Bidirectional Transformers", Devlin et al., 2018, with mean pooling.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context, Result};
use batches::Batch;
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

/// The numbers of `config.json` that matter here.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Config {
    hidden_size: i64,
    num_hidden_layers: usize,
    num_attention_heads: i64,
    layer_norm_eps: f64,
}

/// The whole model.
pub(crate) struct Bert {
    config: Config,
    kind: Kind,
    words: Tensor,
    positions: Tensor,
    /// Of the first type of token, the only one.
    types: Tensor,
    norm: Affine,
    layers: Vec<Layer>,
}

struct Layer {
    /// Query, key and value at once.
    projections: Affine,
    attention: Affine,
    attention_norm: Affine,
    up: Affine,
    down: Affine,
    norm: Affine,
}

struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Bert {
    /// Reads the model in a folder.
    pub(crate) fn load(folder: &Path, kind: Kind) -> Result<Self> {
        let config = folder.join("config.json");
        let config: Config = serde_json::from_slice(&fs::read(&config).context("no `config.json`")?)?;
        let weights: HashMap<String, Tensor> =
            Tensor::read_safetensors(folder.join("model.safetensors"))?.into_iter().collect();
        let tensor = |name: &str| -> Result<Tensor> {
            Ok(weights.get(name).with_context(|| format!("no tensor `{name}`"))?.to_kind(kind))
        };
        let affine = |name: &str| -> Result<Affine> {
            Ok(Affine { weight: tensor(&format!("{name}.weight"))?, bias: tensor(&format!("{name}.bias"))? })
        };
        let layer = |idx: usize| -> Result<Layer> {
            let affine = |name: &str| affine(&format!("encoder.layer.{idx}.{name}"));
            let parts = ["query", "key", "value"].map(|name| affine(&format!("attention.self.{name}")));
            let [query, key, value] = parts;
            let (query, key, value) = (query?, key?, value?);
            let projections = Affine {
                weight: Tensor::cat(&[query.weight, key.weight, value.weight], 0),
                bias: Tensor::cat(&[query.bias, key.bias, value.bias], 0),
            };
            Ok(Layer {
                projections,
                attention: affine("attention.output.dense")?,
                attention_norm: affine("attention.output.LayerNorm")?,
                up: affine("intermediate.dense")?,
                down: affine("output.dense")?,
                norm: affine("output.LayerNorm")?,
            })
        };
        Ok(Self {
            config,
            kind,
            words: tensor("embeddings.word_embeddings.weight")?,
            positions: tensor("embeddings.position_embeddings.weight")?,
            types: tensor("embeddings.token_type_embeddings.weight")?.get(0),
            norm: affine("embeddings.LayerNorm")?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The same weights once more, for another thread.
    pub(crate) fn share(&self) -> Self {
        Self {
            words: self.words.shallow_clone(),
            positions: self.positions.shallow_clone(),
            types: self.types.shallow_clone(),
            norm: self.norm.share(),
            layers: self.layers.iter().map(Layer::share).collect(),
            ..*self
        }
    }

    /// Numbers in each vector.
    pub(crate) fn dim(&self) -> usize {
        usize::try_from(self.config.hidden_size).unwrap_or(0)
    }

    /// The vectors of a batch, row by row, normalised.
    pub(crate) fn run(&self, batch: &Batch) -> Result<Vec<f32>> {
        let (size, length) = (batch.texts.len() as i64, batch.length as i64);
        let tensor = |values: &[i64]| Tensor::from_slice(values).view((size, length));
        let seen = tensor(&batch.attention_mask);
        let is_padded = batch.n_tokens < batch.input_ids.len();
        let bias = is_padded.then(|| {
            let zeros = Tensor::zeros([size, 1, 1, length], (self.kind, Device::Cpu));
            zeros.masked_fill(&seen.view((size, 1, 1, length)).eq(0), f64::from(f32::MIN) / 2.0)
        });
        let words = Tensor::embedding(&self.words, &tensor(&batch.input_ids), -1, false, false);
        let mut x = self.norm.normalise(&(words + self.positions.narrow(0, 0, length) + &self.types), &self.config);
        for layer in &self.layers {
            x = layer.run(&x, bias.as_ref(), &self.config);
        }
        let weights = seen.to_kind(Kind::Float).unsqueeze(-1);
        let sum = (x.to_kind(Kind::Float) * &weights).sum_dim_intlist(1, false, Kind::Float);
        let mean = sum / weights.sum_dim_intlist(1, false, Kind::Float);
        let norm = mean.norm_scalaropt_dim(2, -1, true).clamp_min(1e-12);
        Ok(Vec::try_from((mean / norm).view(-1))?)
    }
}

impl Layer {
    fn run(&self, x: &Tensor, bias: Option<&Tensor>, config: &Config) -> Tensor {
        let (size, length, hidden) = x.size3().unwrap_or_default();
        let heads = config.num_attention_heads;
        // Heads are split before the parts: those are views then, and nothing is copied.
        let projected = self.projections.apply(x).view((size, length, 3 * heads, hidden / heads)).transpose(1, 2);
        let part = |idx: i64| projected.narrow(1, idx * heads, heads);
        let context = Tensor::scaled_dot_product_attention(&part(0), &part(1), &part(2), bias, 0.0, false, None, false);
        let context = context.transpose(1, 2).reshape([size, length, hidden]);
        let x = self.attention_norm.normalise(&(self.attention.apply(&context) + x), config);
        let inner = self.up.apply(&x).gelu("none");
        self.norm.normalise(&(self.down.apply(&inner) + &x), config)
    }

    fn share(&self) -> Self {
        Self {
            projections: self.projections.share(),
            attention: self.attention.share(),
            attention_norm: self.attention_norm.share(),
            up: self.up.share(),
            down: self.down.share(),
            norm: self.norm.share(),
        }
    }
}

impl Affine {
    fn apply(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }

    fn normalise(&self, x: &Tensor, config: &Config) -> Tensor {
        x.layer_norm([config.hidden_size], Some(&self.weight), Some(&self.bias), config.layer_norm_eps, true)
    }

    fn share(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone() }
    }
}
