//! DeBERTa-v2 and v3: disentangled attention with distances in logarithmic buckets (He et al., arXiv:2006.03654 and
//! arXiv:2111.09543).
//!
//! Names of weights and keys of the configuration are those of `transformers.DebertaV2Model`.

use drivetrain_contract::Result;

use crate::{
    WeightScope,
    attention::Heads,
    bert,
    classifier::Classifier,
    config::{Config, Shape},
    disentangled::{Disentangled, RelativeTable},
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{ClassicLayer, ClassicNames},
    layers::{Embedding, Linear, Norm},
};

pub(crate) use bert::PROBE;

const NAMES: ClassicNames = ClassicNames {
    query_key_value: ["attention.self.query_proj", "attention.self.key_proj", "attention.self.value_proj"],
    ..bert::NAMES
};

/// Most positions that a table of distances is made for: far above any model's, far below what would exhaust memory.
const MOST_POSITIONS: usize = 1 << 20;

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-7)?;
    let embeddings = embeddings(config, scope, (shape, eps))?;
    let distances = Distances::Disentangled(relative_table(config, scope, (shape, eps))?);
    let disentangled = parts(config)?;
    let activation = config.activation("hidden_act", "gelu")?;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let layer = ClassicLayer { hidden: shape.hidden_size, heads, inner: shape.inner, eps, activation };
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        let mut layer = layer.load(scope, &format!("encoder.layer.{idx}"), &NAMES)?;
        layer.attention.disentangled = disentangled;
        layers.push(layer);
    }
    Ok(Encoder {
        embeddings,
        distances,
        views: vec![View::all()],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: shape.hidden_size,
    })
}

/// `transformers.DebertaV2ForSequenceClassification`: pooler and classifier, both beside the encoder.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let hidden = config.shape()?.hidden_size;
    let pooler = Linear::load(&mut scope.outer(), "pooler.dense", [hidden, hidden])?;
    let activation = config.activation("pooler_hidden_act", "gelu")?;
    Classifier::after_pooler(config, scope, (pooler, activation), hidden)
}

fn check_variant(config: &Config<'_>) -> Result<()> {
    if !config.flag("relative_attention", false)? {
        return Err(config.unsupported("relative_attention", "false", "`true`"));
    }
    if !config.flag("share_att_key", false)? {
        return Err(config.unsupported("share_att_key", "false", "`true`"));
    }
    let kernel = config.integer("conv_kernel_size", 0)?;
    if kernel > 0 {
        return Err(config.unsupported("conv_kernel_size", &kernel.to_string(), "models without convolutions"));
    }
    Ok(())
}

fn embeddings<W>(
    config: &Config<'_>,
    scope: &mut WeightScope<'_, '_, W>,
    (shape, eps): (Shape, f32),
) -> Result<Embeddings<W>> {
    let width = config.positive_opt("embedding_size")?.unwrap_or(shape.hidden_size);
    let segments = config.integer("type_vocab_size", 0)?.try_into().unwrap_or(0);
    let words = Embedding::load(scope, "embeddings.word_embeddings", [shape.vocab_size, width])?;
    let positions = match config.flag("position_biased_input", true)? {
        true => {
            let rows = config.positive("max_position_embeddings")?;
            Positions::FromZero(Embedding::load(scope, "embeddings.position_embeddings", [rows, width])?)
        }
        false => Positions::None,
    };
    let token_types =
        TokenTypes::of(segments, || Embedding::load(scope, "embeddings.token_type_embeddings", [segments, width]))?;
    let projection = match width == shape.hidden_size {
        true => None,
        false => Some(Linear::load_without_bias(scope, "embeddings.embed_proj", [shape.hidden_size, width])?),
    };
    let norm = Norm::layer(scope, "embeddings.LayerNorm", shape.hidden_size, eps)?;
    Ok(Embeddings { words, token_types, positions, norm: Some(norm), padding: Padding::Zeroed, projection })
}

fn parts(config: &Config<'_>) -> Result<Option<Disentangled>> {
    // A string with bars in the configurations of the first releases.
    let names: Vec<&str> = match config.text("pos_att_type", "") {
        Ok(names) => names.split('|').filter(|name| !name.is_empty()).collect(),
        Err(_) => config.texts("pos_att_type")?.unwrap_or_default(),
    };
    if let Some(other) = names.iter().find(|name| !["c2p", "p2c"].contains(name)) {
        return Err(config.unsupported("pos_att_type", other, "`c2p` and `p2c`"));
    }
    let has = |name| names.contains(&name);
    let parts = Disentangled { content_to_position: has("c2p"), position_to_content: has("p2c") };
    Ok(Some(parts).filter(|parts| parts.content_to_position || parts.position_to_content))
}

fn relative_table<W>(
    config: &Config<'_>,
    scope: &mut WeightScope<'_, '_, W>,
    (shape, eps): (Shape, f32),
) -> Result<RelativeTable<W>> {
    let stated = config.integer("max_relative_positions", -1)?;
    let max_positions = match usize::try_from(stated) {
        Ok(stated) if stated > 0 => stated,
        _ => config.positive("max_position_embeddings")?,
    };
    let buckets = usize::try_from(config.integer("position_buckets", -1)?).ok().filter(|&buckets| buckets > 0);
    if max_positions > MOST_POSITIONS || buckets.is_some_and(|buckets| buckets < 4 || buckets / 2 + 1 >= max_positions)
    {
        let message = format!("{max_positions} relative positions in {} buckets", buckets.unwrap_or(max_positions));
        return Err(config.contradiction(&message));
    }
    let span = buckets.unwrap_or(max_positions);
    let norm = config.text("norm_rel_ebd", "none")?.to_lowercase();
    let norm = match norm.split('|').any(|name| name.trim() == "layer_norm") {
        true => Some(Norm::layer(scope, "encoder.LayerNorm", shape.hidden_size, eps)?),
        false => None,
    };
    let rows = Embedding::load(scope, "encoder.rel_embeddings", [span.saturating_mul(2), shape.hidden_size])?;
    let bucket = |distance: i64| buckets.map_or(distance, |size| log_bucket(distance, size, max_positions));
    let row = |bucket: i64| (bucket + span as i64).clamp(0, 2 * span as i64 - 1);
    // From here on all distances have the row at either end.
    let far = max_positions as i64;
    Ok(RelativeTable {
        rows,
        norm,
        query_to_key: (-far..=far).map(|key_after_query| row(bucket(-key_after_query))).collect(),
        key_to_query: (-far..=far).map(|query_after_key| row(-bucket(-query_after_key))).collect(),
    })
}

/// The bucket of a distance: itself if it is small, else by its logarithm (`make_log_bucket_position` in transformers,
/// computed in 32-bit floats as there).
fn log_bucket(distance: i64, size: usize, max_positions: usize) -> i64 {
    let middle = (size / 2) as i64;
    if distance.abs() <= middle {
        return distance;
    }
    let ratio = |x: f32| (x / middle as f32).ln();
    let place = ratio(distance.abs() as f32) / ratio((max_positions - 1) as f32) * (middle - 1) as f32;
    (place.ceil() as i64 + middle) * distance.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_a_bucket_each() {
        for (distance, expect) in [(0, 0), (8, 8), (-8, -8), (9, 9), (-12, -10), (95, 15), (-95, -15), (96, 16)] {
            assert_eq!(log_bucket(distance, 16, 96), expect, "{distance}");
        }
    }
}
