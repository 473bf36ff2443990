//! ALBERT: BERT with narrow tables and one set of weights for many layers (Lan et al., arXiv:1909.11942).
//!
//! Names of weights and keys of the configuration are those of `transformers.AlbertModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, WeightScope,
    attention::Heads,
    bert,
    classifier::Classifier,
    config::Config,
    embeddings::Positions,
    encoder::{Distances, Encoder, View},
    layer::{ClassicLayer, ClassicNames},
    layers::{Embedding, Linear},
};

pub(crate) use bert::PROBE;

const NAMES: ClassicNames = ClassicNames {
    query_key_value: ["attention.query", "attention.key", "attention.value"],
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    up: "ffn",
    down: "ffn_output",
    mlp_norm: "full_layer_layer_norm",
};

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    bert::check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let width = config.positive_opt("embedding_size")?.unwrap_or(128);
    let max_positions = config.positive("max_position_embeddings")?;
    let mut embeddings = bert::embeddings(scope, config, (width, eps), |scope, name| {
        Ok(Positions::FromZero(Embedding::load(scope, name, [max_positions, width])?))
    })?;
    let projection = Linear::load(scope, "encoder.embedding_hidden_mapping_in", [shape.hidden_size, width])?;
    embeddings.projection = Some(projection);

    let activation = config.activation("hidden_act", "gelu_new")?;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let layer = ClassicLayer { hidden: shape.hidden_size, heads, inner: shape.inner, eps, activation };
    let groups = Groups::read(config, shape.layers)?;
    let mut layers = Vec::new();
    for group in 0..groups.count {
        for inner in 0..groups.inner {
            let name = format!("encoder.albert_layer_groups.{group}.albert_layers.{inner}");
            layers.push(layer.load(scope, &name, &NAMES)?);
        }
    }
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: vec![View::all()],
        layers,
        order: groups.order(shape.layers),
        final_norm: None,
        hidden_size: shape.hidden_size,
    })
}

/// `transformers.AlbertForSequenceClassification`: pooler and classifier.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let hidden = config.shape()?.hidden_size;
    let pooler = Linear::load(scope, "pooler", [hidden, hidden])?;
    Classifier::after_pooler(config, scope, (pooler, Activation::Tanh), hidden)
}

/// Which layers share their weights.
#[derive(Clone, Copy, Debug)]
struct Groups {
    count: usize,
    /// Layers of a group, which run one after the other.
    inner: usize,
}

impl Groups {
    fn read(config: &Config<'_>, layers: usize) -> Result<Self> {
        /// Many times what any model has: it bounds how often layers of one set of weights can run.
        const MOST_LAYERS: usize = 10_000;
        let count = config.positive_opt("num_hidden_groups")?.unwrap_or(1);
        let inner = config.positive_opt("inner_group_num")?.unwrap_or(1);
        if layers > MOST_LAYERS || count > layers || inner > MOST_LAYERS / layers {
            return Err(config.contradiction(&format!("{layers} layers in {count} groups of {inner}")));
        }
        Ok(Self { count, inner })
    }

    /// Layers in the order they run: layer `i` of `n` is of group `i · groups / n`.
    fn order(self, layers: usize) -> Vec<usize> {
        let group = |layer: usize| layer * self.count / layers;
        (0..layers).flat_map(|layer| (0..self.inner).map(move |inner| group(layer) * self.inner + inner)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_each_other() {
        assert_eq!(Groups { count: 1, inner: 1 }.order(3), [0, 0, 0]);
        assert_eq!(Groups { count: 2, inner: 1 }.order(4), [0, 0, 1, 1]);
        assert_eq!(Groups { count: 2, inner: 2 }.order(3), [0, 1, 0, 1, 2, 3]);
    }
}
