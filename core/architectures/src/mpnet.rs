//! MPNet: BERT with positions counted over tokens and a learned bias for distances (Song et al., arXiv:2004.09297).
//!
//! Names of weights and keys of the configuration are those of `transformers.MPNetModel`.

use drivetrain_contract::Result;

use crate::{
    WeightScope,
    attention::Heads,
    config::Config,
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{ClassicLayer, ClassicNames},
    layers::{Embedding, Norm},
};

pub(crate) use crate::bert::PROBE;

/// The id that positions are counted after: not configurable.
const PADDING_ID: i64 = 1;

/// Buckets of distances, both directions together: not configurable, whatever the table holds.
const BUCKETS: usize = 32;

/// The distance beyond which all are one bucket: not configurable.
const MAX_DISTANCE: usize = 128;

const NAMES: ClassicNames = ClassicNames {
    query_key_value: ["attention.attn.q", "attention.attn.k", "attention.attn.v"],
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    mlp_norm: "output.LayerNorm",
};

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    let shape = config.shape()?;
    let hidden = shape.hidden_size;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let max_positions = config.positive("max_position_embeddings")?;
    let words = Embedding::load(scope, "embeddings.word_embeddings", [shape.vocab_size, hidden])?;
    let positions = Embedding::load(scope, "embeddings.position_embeddings", [max_positions, hidden])?;
    let embeddings = Embeddings {
        words,
        token_types: TokenTypes::None,
        positions: Positions::After { padding_id: PADDING_ID, table: positions },
        norm: Some(Norm::layer(scope, "embeddings.LayerNorm", hidden, eps)?),
        padding: Padding::Kept,
        projection: None,
    };
    let activation = config.activation("hidden_act", "gelu")?;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let layer = ClassicLayer { hidden, heads, inner: shape.inner, eps, activation };
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        layers.push(layer.load(scope, &format!("encoder.layer.{idx}"), &NAMES)?);
    }
    let rows = config.positive_opt("relative_attention_num_buckets")?.unwrap_or(BUCKETS);
    if rows < BUCKETS {
        return Err(config.unsupported("relative_attention_num_buckets", &rows.to_string(), "32 of them and more"));
    }
    let table = Embedding::load(scope, "encoder.relative_attention_bias", [rows, shape.heads])?;
    Ok(Encoder {
        embeddings,
        distances: Distances::Buckets { table, buckets: buckets() },
        views: vec![View::all()],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: hidden,
    })
}

/// Bucket of each distance of a key from a query, from `-MAX_DISTANCE` to `MAX_DISTANCE`: keys after the query in the
/// upper half; in either half near distances one by one, far ones by their logarithm
/// (`MPNetEncoder.relative_position_bucket`, computed in 32-bit floats as there).
fn buckets() -> Vec<i64> {
    const HALF: usize = BUCKETS / 2;
    const EXACT: usize = HALF / 2;
    let bucket = |distance: usize| {
        if distance < EXACT {
            return distance;
        }
        let place = (distance as f32 / EXACT as f32).ln() / (MAX_DISTANCE as f32 / EXACT as f32).ln();
        (EXACT + (place * (HALF - EXACT) as f32) as usize).min(HALF - 1)
    };
    let before = (1..=MAX_DISTANCE).rev().map(bucket);
    let after = (1..=MAX_DISTANCE).map(|distance| HALF + bucket(distance));
    before.chain([0]).chain(after).map(|bucket| bucket as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_widen_with_the_distance() {
        let table = buckets();
        let bucket = |distance: i64| table[(distance + MAX_DISTANCE as i64) as usize];
        for (distance, expect) in
            [(0, 0), (-1, 1), (-7, 7), (-8, 8), (-11, 8), (-12, 9), (-64, 14), (-128, 15), (1, 17), (8, 24), (128, 31)]
        {
            assert_eq!(bucket(distance), expect, "{distance}");
        }
    }
}
