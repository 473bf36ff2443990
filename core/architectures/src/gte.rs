//! GTE ("new"): BERT with rotary positions and gated feed-forward parts (Zhang et al., arXiv:2407.19669).
//!
//! Names of weights and keys of the configuration are those of `Alibaba-NLP/new-impl` (`model_type` `new`) and of
//! `transformers.GteModel` (`gte`).

use drivetrain_contract::Result;

use crate::{
    Activation, Reach, WeightScope,
    attention::{Attention, Heads, Projection},
    bert,
    classifier::Classifier,
    config::{Config, Shape},
    embeddings::Positions,
    encoder::{Distances, Encoder, View},
    layer::{Layer, Norms},
    layers::{Bias, Linear, Norm},
    mlp::{GatePlace, Mlp, Up},
    rotary::Frequencies,
};

pub(crate) use bert::PROBE;

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let activation = config.activation("hidden_act", "gelu")?;
    let embeddings = bert::embeddings(scope, config, (shape.hidden_size, eps), |_, _| Ok(Positions::None))?;
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        layers.push(layer(scope, &format!("encoder.layer.{idx}"), (shape, eps), activation)?);
    }
    let frequencies = Frequencies::read(config, shape.head_dim(), 10_000.0)?;
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: vec![View { reach: Reach::All, rotary: Some(frequencies) }],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: shape.hidden_size,
    })
}

/// `NewForSequenceClassification`: pooler and classifier.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    bert::classifier(config, scope)
}

fn check_variant(config: &Config<'_>) -> Result<()> {
    for (key, only) in [("position_embedding_type", "rope"), ("layer_norm_type", "layer_norm")] {
        let found = config.text(key, only)?;
        if found != only {
            return Err(config.unsupported(key, found, &format!("`{only}`")));
        }
    }
    if !config.flag("pack_qkv", true)? {
        return Err(config.unsupported("pack_qkv", "false", "`true`"));
    }
    config.refuse_flags(&["logn_attention_scale", "logn_attention_clip1"], "attention with one scale for all lengths")
}

fn layer<W>(
    scope: &mut WeightScope<'_, '_, W>,
    name: &str,
    (shape, eps): (Shape, f32),
    activation: Activation,
) -> Result<Layer<W>> {
    let Shape { hidden_size: hidden, inner, .. } = shape;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let full = |part: &str| format!("{name}.{part}");
    let projection = Projection::packed(scope, &full("attention.qkv_proj"), (hidden, heads), Bias::Present)?;
    let output = Linear::load(scope, &full("attention.o_proj"), [hidden, hidden])?;
    let attention_norm = Norm::layer(scope, &full("attn_ln"), hidden, eps)?;
    let both = Linear::load_without_bias(scope, &full("mlp.up_gate_proj"), [inner.saturating_mul(2), hidden])?;
    let down = Linear::load(scope, &full("mlp.down_proj"), [hidden, inner])?;
    let mlp_norm = Norm::layer(scope, &full("mlp_ln"), hidden, eps)?;
    let (attention, mlp) = (full("attention"), full("mlp"));
    Ok(Layer {
        name: scope.label(name),
        attention: Attention { name: attention, heads, projection, head_norms: None, disentangled: None, output },
        mlp: Mlp { name: mlp, up: Up::Packed { both, inner, gate: GatePlace::Second }, activation, down },
        norms: Norms::After { attention: attention_norm, mlp: mlp_norm },
        view: 0,
    })
}
