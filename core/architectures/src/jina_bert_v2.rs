//! JinaBERT-v2: BERT with linear distances instead of positions, and a gated feed-forward part (Günther et al.,
//! arXiv:2310.19923). Its `model_type` is `bert`, with `position_embedding_type` `alibi`.
//!
//! Names of weights and keys of the configuration are those of `jinaai/jina-bert-implementation`.

use drivetrain_contract::Result;

use crate::{
    Activation, WeightScope,
    attention::{Attention, Heads, Projection},
    bert,
    config::{Config, Shape},
    embeddings::Positions,
    encoder::{Distances, Encoder, View},
    layer::{Layer, Norms},
    layers::{Bias, Linear, Norm},
    mlp::{GatePlace, Mlp, Up},
};

pub(crate) use bert::PROBE;

/// The `position_embedding_type` that tells it from BERT.
pub(crate) const POSITIONS: &str = "alibi";

/// Most heads that slopes are made for: far above any model's, far below what would exhaust memory.
const MOST_HEADS: usize = 1 << 16;

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    config.refuse_flags(&["is_decoder", "add_cross_attention"], "encoders")?;
    let shape = config.shape()?;
    if shape.heads > MOST_HEADS {
        return Err(config.contradiction(&format!("{} attention heads", shape.heads)));
    }
    scope.refuse("encoder.layer.0.attention.self.layer_norm_q.weight", "JinaBERT with normalised queries and keys")?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let activation = match config.text("feed_forward_type", "original")? {
        "geglu" => Activation::Gelu,
        "reglu" => Activation::Relu,
        other => return Err(config.unsupported("feed_forward_type", other, "`geglu` and `reglu`")),
    };
    let embeddings = bert::embeddings(scope, config, (shape.hidden_size, eps), |_, _| Ok(Positions::None))?;
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        layers.push(layer(scope, &format!("encoder.layer.{idx}"), (shape, eps), activation)?);
    }
    Ok(Encoder {
        embeddings,
        distances: Distances::Linear(slopes(shape.heads).into_iter().map(|slope| -slope).collect()),
        views: vec![View::all()],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: shape.hidden_size,
    })
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
    let [query, key, value] = bert::NAMES.query_key_value.map(full);
    let projection = Projection::separate(scope, [&query, &key, &value], (hidden, heads), Bias::Present)?;
    let output = Linear::load(scope, &full(bert::NAMES.attention_output), [hidden, hidden])?;
    let attention_norm = Norm::layer(scope, &full(bert::NAMES.attention_norm), hidden, eps)?;
    let both = Linear::load_without_bias(scope, &full("mlp.gated_layers"), [inner.saturating_mul(2), hidden])?;
    let down = Linear::load(scope, &full("mlp.wo"), [hidden, inner])?;
    let mlp_norm = Norm::layer(scope, &full("mlp.layernorm"), hidden, eps)?;
    let (attention, mlp) = (full("attention"), full("mlp"));
    Ok(Layer {
        name: scope.label(name),
        attention: Attention { name: attention, heads, projection, head_norms: None, disentangled: None, output },
        mlp: Mlp { name: mlp, up: Up::Packed { both, inner, gate: GatePlace::First }, activation, down },
        norms: Norms::After { attention: attention_norm, mlp: mlp_norm },
        view: 0,
    })
}

/// The slope of each head: powers of `2^(-8 / n)` for a number `n` of heads that is a power of two. Others take those
/// of the next smaller power of two, and then every second one of the next larger (Press et al., arXiv:2108.12409, and
/// their code).
fn slopes(heads: usize) -> Vec<f32> {
    let of_power = |n: usize| (1..=n).map(move |head| 2f64.powf(-8.0 * head as f64 / n as f64));
    let smaller = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
    let more = of_power(2 * smaller).step_by(2).take(heads - smaller);
    of_power(smaller).chain(more).map(|slope| slope as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_other_numbers_interleave() {
        assert_eq!(slopes(4), [0.25, 0.0625, 0.015_625, 0.003_906_25]);
        let twelve = slopes(12);
        assert_eq!(twelve[..8], slopes(8));
        assert_eq!(twelve[8..], [slopes(16)[0], slopes(16)[2], slopes(16)[4], slopes(16)[6]]);
        assert_eq!(slopes(1).len(), 1);
    }
}
