//! NomicBERT: BERT with rotary positions, gated feed-forward parts and one matrix for query, key and value (Nussbaum et
//! al., arXiv:2402.01613).
//!
//! Names of weights are those of `nomic-ai/nomic-bert-2048`; keys of the configuration those of that code and of
//! `transformers.NomicBertModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, Reach, WeightScope,
    attention::{Attention, Heads, Projection},
    bert,
    config::{Config, Shape},
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{Layer, Norms},
    layers::{Bias, Embedding, Linear, Norm},
    mlp::{Mlp, Up},
    rotary::Frequencies,
};

pub(crate) use bert::PROBE;

/// What layers have in common.
#[derive(Clone, Copy)]
struct Options {
    shape: Shape,
    heads: Heads,
    eps: f32,
    activation: Activation,
    attention_bias: Bias,
    /// Biases of the matrices up and of the one down.
    mlp_bias: [Bias; 2],
}

impl Options {
    fn read(config: &Config<'_>) -> Result<Self> {
        let shape = config.shape()?;
        let eps_key = if config.has("layer_norm_epsilon") { "layer_norm_epsilon" } else { "layer_norm_eps" };
        let bias = |key| Ok(Bias::from(config.flag(key, false)?));
        Ok(Self {
            shape,
            heads: Heads::equal(shape.heads, shape.head_dim()),
            eps: config.positive_float(eps_key, 1e-12)?,
            activation: activation(config)?,
            attention_bias: bias("qkv_proj_bias")?,
            mlp_bias: [bias("mlp_fc1_bias")?, bias("mlp_fc2_bias")?],
        })
    }
}

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    check_variant(config)?;
    let options = Options::read(config)?;
    let Shape { vocab_size, hidden_size: hidden, layers: n_layers, .. } = options.shape;
    let segments = config.integer("type_vocab_size", 2)?.try_into().unwrap_or(0);
    let words = Embedding::load(scope, "embeddings.word_embeddings", [vocab_size, hidden])?;
    let token_types =
        TokenTypes::of(segments, || Embedding::load(scope, "embeddings.token_type_embeddings", [segments, hidden]))?;
    let embeddings = Embeddings {
        words,
        token_types,
        positions: Positions::None,
        norm: Some(Norm::layer(scope, "emb_ln", hidden, options.eps)?),
        padding: Padding::Kept,
        projection: None,
    };
    let mut layers = Vec::new();
    for idx in 0..n_layers {
        layers.push(layer(scope, &format!("encoder.layers.{idx}"), &options)?);
    }
    let theta = config.positive_float("rotary_emb_base", 10_000.0)?;
    let frequencies = Frequencies::read(config, options.heads.dim, theta)?;
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: vec![View { reach: Reach::All, rotary: Some(frequencies) }],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: hidden,
    })
}

fn check_variant(config: &Config<'_>) -> Result<()> {
    let flags = ["prenorm", "use_rms_norm", "parallel_block", "rotary_emb_interleaved", "causal"];
    config.refuse_flags(&flags, "encoders with normalisation after each part")?;
    for (key, only) in [("rotary_emb_fraction", 1.0), ("rotary_scaling_factor", 1.0), ("head_dim_factor", 1.0)] {
        let found = config.positive_float(key, only)?;
        if found != only {
            return Err(config.unsupported(key, &found.to_string(), &format!("`{only}`")));
        }
    }
    let experts = config.integer("num_experts", 0)?;
    if experts > 0 {
        return Err(config.unsupported("num_experts", &experts.to_string(), "models without experts"));
    }
    Ok(())
}

/// Of the gate: the original code names the gated unit, transformers what is inside.
fn activation(config: &Config<'_>) -> Result<Activation> {
    match config.text("activation_function", "")? {
        "" => config.activation("hidden_act", "silu"),
        "swiglu" => Ok(Activation::Silu),
        "geglu" => Ok(Activation::Gelu),
        "glu" => Ok(Activation::Sigmoid),
        other => Err(config.unsupported("activation_function", other, "`swiglu`, `geglu` and `glu`")),
    }
}

fn layer<W>(scope: &mut WeightScope<'_, '_, W>, name: &str, options: &Options) -> Result<Layer<W>> {
    let Options { shape, heads, eps, activation, attention_bias, mlp_bias: [up_bias, down_bias] } = *options;
    let (hidden, inner) = (shape.hidden_size, shape.inner);
    let full = |part: &str| format!("{name}.{part}");
    let projection = Projection::packed(scope, &full("attn.Wqkv"), (hidden, heads), attention_bias)?;
    let output = Linear::load_with(scope, &full("attn.out_proj"), [hidden, hidden], attention_bias)?;
    let attention_norm = Norm::layer(scope, &full("norm1"), hidden, eps)?;
    let up = Linear::load_with(scope, &full("mlp.fc11"), [inner, hidden], up_bias)?;
    let gate = Linear::load_with(scope, &full("mlp.fc12"), [inner, hidden], up_bias)?;
    let down = Linear::load_with(scope, &full("mlp.fc2"), [hidden, inner], down_bias)?;
    let mlp_norm = Norm::layer(scope, &full("norm2"), hidden, eps)?;
    let (attention, mlp) = (full("attn"), full("mlp"));
    Ok(Layer {
        name: scope.label(name),
        attention: Attention { name: attention, heads, projection, head_norms: None, disentangled: None, output },
        mlp: Mlp { name: mlp, up: Up::Gated { up, gate }, activation, down },
        norms: Norms::After { attention: attention_norm, mlp: mlp_norm },
        view: 0,
    })
}
