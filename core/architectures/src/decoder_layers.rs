//! Layers of Llama's kind, which decoders and encoders made from them share: rotary positions, fewer heads for keys
//! than for queries, RMS normalisation before each part, gated feed-forward parts (Touvron et al., arXiv:2302.13971).

use drivetrain_contract::Result;

use crate::{
    Activation, Reach, WeightScope,
    attention::{Attention, Heads, Projection},
    config::{Config, Shape},
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{Layer, Norms},
    layers::{Bias, Embedding, Linear, Norm},
    mlp::{Mlp, Up},
    rotary::Frequencies,
};

/// Where words are, after whatever prefix there is.
pub(crate) const PROBE: &str = "embed_tokens.weight";

/// What differs between architectures with such layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecoderKind {
    pub(crate) reach: Reach,
    /// Added to the mean square in each normalisation, where the configuration is silent.
    pub(crate) default_eps: f32,
    /// Base of the angles, where the configuration is silent.
    pub(crate) default_theta: f32,
    /// Whether queries and keys are normalised, head by head.
    pub(crate) has_head_norms: bool,
}

/// What layers have in common.
struct Options {
    shape: Shape,
    heads: Heads,
    eps: f32,
    activation: Activation,
    attention_bias: Bias,
    mlp_bias: Bias,
    has_head_norms: bool,
}

impl Options {
    fn read(config: &Config<'_>, kind: &DecoderKind) -> Result<Self> {
        let shape = config.shape_with_free_heads()?;
        let heads = Heads {
            count: shape.heads,
            kv_count: config.positive_opt("num_key_value_heads")?.unwrap_or(shape.heads),
            dim: config.positive_opt("head_dim")?.unwrap_or(shape.head_dim()),
        };
        if !heads.count.is_multiple_of(heads.kv_count) {
            let (count, kv_count) = (heads.count, heads.kv_count);
            return Err(config.contradiction(&format!("{count} attention heads share {kv_count} of keys and values")));
        }
        Ok(Self {
            shape,
            heads,
            eps: config.positive_float("rms_norm_eps", kind.default_eps)?,
            activation: config.activation("hidden_act", "silu")?,
            attention_bias: config.flag("attention_bias", false)?.into(),
            mlp_bias: config.flag("mlp_bias", false)?.into(),
            has_head_norms: kind.has_head_norms,
        })
    }
}

impl DecoderKind {
    /// The whole transformer.
    pub(crate) fn encoder<W>(&self, config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
        let options = Options::read(config, self)?;
        let Shape { vocab_size, hidden_size, layers: n_layers, .. } = options.shape;
        let embeddings = Embeddings {
            words: Embedding::load(scope, "embed_tokens", [vocab_size, hidden_size])?,
            token_types: TokenTypes::None,
            positions: Positions::None,
            norm: None,
            padding: Padding::Kept,
            projection: None,
        };
        let mut layers = Vec::new();
        for idx in 0..n_layers {
            layers.push(layer(scope, &format!("layers.{idx}"), &options)?);
        }
        let frequencies = Frequencies::read(config, options.heads.dim, self.default_theta)?;
        Ok(Encoder {
            embeddings,
            distances: Distances::None,
            views: vec![View { reach: self.reach, rotary: Some(frequencies) }],
            order: (0..layers.len()).collect(),
            layers,
            final_norm: Some(Norm::rms(scope, "norm", hidden_size, options.eps)?),
            hidden_size,
        })
    }
}

fn layer<W>(scope: &mut WeightScope<'_, '_, W>, name: &str, options: &Options) -> Result<Layer<W>> {
    let Options { heads, eps, activation, attention_bias, mlp_bias, .. } = *options;
    let Shape { hidden_size: hidden, inner, .. } = options.shape;
    let full = |part: &str| format!("{name}.{part}");
    let attention_norm = Norm::rms(scope, &full("input_layernorm"), hidden, eps)?;
    let [query, key, value] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(full);
    let projection = Projection::separate(scope, [&query, &key, &value], (hidden, heads), attention_bias)?;
    let head_norms = match options.has_head_norms {
        true => Some([
            Norm::rms(scope, &full("self_attn.q_norm"), heads.dim, eps)?,
            Norm::rms(scope, &full("self_attn.k_norm"), heads.dim, eps)?,
        ]),
        false => None,
    };
    let output = Linear::load_with(scope, &full("self_attn.o_proj"), [hidden, heads.width()], attention_bias)?;
    let mlp_norm = Norm::rms(scope, &full("post_attention_layernorm"), hidden, eps)?;
    let up = Linear::load_with(scope, &full("mlp.up_proj"), [inner, hidden], mlp_bias)?;
    let gate = Linear::load_with(scope, &full("mlp.gate_proj"), [inner, hidden], mlp_bias)?;
    let down = Linear::load_with(scope, &full("mlp.down_proj"), [hidden, inner], mlp_bias)?;
    let (attention, mlp) = (full("self_attn"), full("mlp"));
    Ok(Layer {
        name: scope.label(name),
        attention: Attention { name: attention, heads, projection, head_norms, disentangled: None, output },
        mlp: Mlp { name: mlp, up: Up::Gated { up, gate }, activation, down },
        norms: Norms::Before { attention: Some(attention_norm), mlp: mlp_norm },
        view: 0,
    })
}
