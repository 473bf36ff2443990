//! ModernBERT: rotary positions, local and global attention in turn, gated feed-forward parts, normalisation before
//! each part (Warner et al., arXiv:2412.13663).
//!
//! Names of weights and keys of the configuration are those of `transformers.ModernBertModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, Reach, WeightScope,
    attention::{Attention, Heads, Projection},
    classifier::{Classifier, TextVector},
    config::{Config, Shape},
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{Layer, Norms},
    layers::{Bias, Embedding, Linear, Norm, Step, Steps},
    masked_lm::{Decoder, MaskedLm},
    mlp::{GatePlace, Mlp, Up},
    rotary::Frequencies,
};

/// Where words are, after whatever prefix there is.
pub(crate) const PROBE: &str = "embeddings.tok_embeddings.weight";

/// The view of layers that see everything, among [`Encoder::views`].
const GLOBAL: usize = 0;

/// The view of layers that see a window.
const LOCAL: usize = 1;

/// What layers have in common.
#[derive(Clone, Copy)]
struct Options {
    shape: Shape,
    eps: f32,
    activation: Activation,
    attention_bias: Bias,
    mlp_bias: Bias,
    norm_bias: Bias,
}

impl Options {
    fn read(config: &Config<'_>) -> Result<Self> {
        let bias = |key| Ok(Bias::from(config.flag(key, false)?));
        Ok(Self {
            shape: config.shape()?,
            eps: config.positive_float("norm_eps", 1e-5)?,
            activation: config.activation("hidden_activation", "gelu")?,
            attention_bias: bias("attention_bias")?,
            mlp_bias: bias("mlp_bias")?,
            norm_bias: bias("norm_bias")?,
        })
    }

    fn norm<W>(&self, scope: &mut WeightScope<'_, '_, W>, name: &str) -> Result<Norm<W>> {
        Norm::layer_with(scope, name, (self.shape.hidden_size, self.norm_bias), self.eps)
    }
}

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    let options = Options::read(config)?;
    let Shape { vocab_size, hidden_size, layers: n_layers, .. } = options.shape;
    let embeddings = Embeddings {
        words: Embedding::load(scope, "embeddings.tok_embeddings", [vocab_size, hidden_size])?,
        token_types: TokenTypes::None,
        positions: Positions::None,
        norm: Some(options.norm(scope, "embeddings.norm")?),
        padding: Padding::Kept,
        projection: None,
    };
    let mut layers = Vec::new();
    for idx in 0..n_layers {
        layers.push(layer(scope, &options, idx, view(config, idx)?)?);
    }
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: views(config, options.shape.head_dim())?,
        order: (0..layers.len()).collect(),
        layers,
        final_norm: Some(options.norm(scope, "final_norm")?),
        hidden_size,
    })
}

fn layer<W>(scope: &mut WeightScope<'_, '_, W>, options: &Options, idx: usize, view: usize) -> Result<Layer<W>> {
    let Shape { hidden_size: hidden, inner, heads, .. } = options.shape;
    let heads = Heads::equal(heads, options.shape.head_dim());
    let name = format!("layers.{idx}");
    let full = |part: &str| format!("{name}.{part}");
    // The embeddings were just normalised.
    let attention_norm = match idx {
        0 => None,
        _ => Some(options.norm(scope, &full("attn_norm"))?),
    };
    let projection = Projection::packed(scope, &full("attn.Wqkv"), (hidden, heads), options.attention_bias)?;
    let output = Linear::load_with(scope, &full("attn.Wo"), [hidden, hidden], options.attention_bias)?;
    let mlp_norm = options.norm(scope, &full("mlp_norm"))?;
    let wide = [inner.saturating_mul(2), hidden];
    let both = Linear::load_with(scope, &full("mlp.Wi"), wide, options.mlp_bias)?;
    let down = Linear::load_with(scope, &full("mlp.Wo"), [hidden, inner], options.mlp_bias)?;
    let (attention, mlp) = (full("attn"), full("mlp"));
    let up = Up::Packed { both, inner, gate: GatePlace::First };
    Ok(Layer {
        attention: Attention { name: attention, heads, projection, head_norms: None, disentangled: None, output },
        mlp: Mlp { name: mlp, up, activation: options.activation, down },
        norms: Norms::Before { attention: attention_norm, mlp: mlp_norm },
        view,
        name,
    })
}

/// The view of layer `idx`: as `layer_types` says, else every third global.
fn view(config: &Config<'_>, idx: usize) -> Result<usize> {
    let Some(types) = config.texts("layer_types")? else {
        let every = config.positive_opt("global_attn_every_n_layers")?.unwrap_or(3);
        return Ok(if idx.is_multiple_of(every) { GLOBAL } else { LOCAL });
    };
    match types.get(idx) {
        Some(&"full_attention") => Ok(GLOBAL),
        Some(&"sliding_attention") => Ok(LOCAL),
        Some(other) => Err(config.unsupported("layer_types", other, "`full_attention` and `sliding_attention`")),
        None => Err(config.contradiction(&format!("`layer_types` says nothing of layer {idx}"))),
    }
}

/// Both views. `local_attention` is the width of the window, half of it on either side.
fn views(config: &Config<'_>, head_dim: usize) -> Result<Vec<View>> {
    let window = config.positive_opt("local_attention")?.unwrap_or(128) / 2;
    let global = frequencies(config, head_dim, ("full_attention", "global_rope_theta", 160_000.0))?;
    let local = frequencies(config, head_dim, ("sliding_attention", "local_rope_theta", 10_000.0))?;
    Ok(vec![
        View { reach: Reach::All, rotary: Some(global) },
        View { reach: Reach::Window(window), rotary: Some(local) },
    ])
}

/// Frequencies for one kind of layer, by its name in `rope_parameters`, else by the key of older configurations.
fn frequencies(config: &Config<'_>, head_dim: usize, (kind, key, default): (&str, &str, f32)) -> Result<Frequencies> {
    let theta = config.positive_float(key, default)?;
    let parameters = config.section("rope_parameters")?.map(|section| section.section(kind)).transpose()?;
    Frequencies::read_parameters(&parameters.flatten().unwrap_or_else(|| config.empty()), head_dim, theta)
}

/// `transformers.ModernBertForSequenceClassification`.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let vector = match config.text("classifier_pooling", "cls")? {
        "cls" => TextVector::First,
        "mean" => TextVector::Mean,
        other => return Err(config.unsupported("classifier_pooling", other, "`cls` and `mean`")),
    };
    let labels = Classifier::<W>::labels(config)?;
    let mut scope = scope.outer();
    let mut steps = prediction_head(config, &mut scope)?;
    let hidden = config.shape()?.hidden_size;
    steps.0.push(Step::Linear(Linear::load(&mut scope, "classifier", [labels, hidden])?));
    Ok(Classifier { vector, steps, labels })
}

/// `transformers.ModernBertForMaskedLM`.
pub(crate) fn masked_lm<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<MaskedLm<W>> {
    let mut scope = scope.outer();
    let transform = prediction_head(config, &mut scope)?;
    let biases: &[&str] = if config.flag("decoder_bias", true)? { &["decoder.bias"] } else { &[] };
    let decoder = Decoder::load(config, &mut scope, ("decoder", biases), config.shape()?.hidden_size)?;
    Ok(MaskedLm { transform, decoder })
}

/// `transformers.ModernBertPredictionHead`.
fn prediction_head<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Steps<W>> {
    let options = Options::read(config)?;
    let hidden = options.shape.hidden_size;
    let bias = Bias::from(config.flag("classifier_bias", false)?);
    let dense = Linear::load_with(scope, "head.dense", [hidden, hidden], bias)?;
    let activation = config.activation("classifier_activation", "gelu")?;
    let norm = options.norm(scope, "head.norm")?;
    Ok(Steps(vec![Step::Linear(dense), Step::Activation(activation), Step::Norm(norm)]))
}
