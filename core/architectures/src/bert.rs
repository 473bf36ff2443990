//! BERT: absolute positions, post-layer normalisation, full attention (Devlin et al., arXiv:1810.04805).
//!
//! Names of weights and keys of the configuration are those of `transformers.BertModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, WeightScope,
    attention::Heads,
    classifier::{Classifier, TextVector},
    config::{Config, Shape},
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{ClassicLayer, ClassicNames},
    layers::{Embedding, Linear, Norm, Step, Steps},
    masked_lm::{Decoder, MaskedLm},
};

/// Where words are, after whatever prefix there is.
pub(crate) const PROBE: &str = "embeddings.word_embeddings.weight";

/// Names inside a layer, which most encoders after BERT have kept.
pub(crate) const NAMES: ClassicNames = ClassicNames {
    query_key_value: ["attention.self.query", "attention.self.key", "attention.self.value"],
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    mlp_norm: "output.LayerNorm",
};

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let max_positions = config.positive("max_position_embeddings")?;
    let embeddings = embeddings(scope, config, (shape.hidden_size, eps), |scope, name| {
        Ok(Positions::FromZero(Embedding::load(scope, name, [max_positions, shape.hidden_size])?))
    })?;
    layers(config, scope, (shape, eps), embeddings)
}

/// Refuses variants whose attention is another.
pub(crate) fn check_variant(config: &Config<'_>) -> Result<()> {
    let positions = config.text("position_embedding_type", "absolute")?;
    if positions != "absolute" {
        return Err(config.unsupported("position_embedding_type", positions, "`absolute`"));
    }
    config.refuse_flags(&["is_decoder", "add_cross_attention"], "encoders")
}

/// Words, segments and positions of extent `width`, under BERT's names.
pub(crate) fn embeddings<'s, 'a, W>(
    scope: &mut WeightScope<'s, 'a, W>,
    config: &Config<'_>,
    (width, eps): (usize, f32),
    positions: impl FnOnce(&mut WeightScope<'s, 'a, W>, &str) -> Result<Positions<W>>,
) -> Result<Embeddings<W>> {
    let segments = config.integer("type_vocab_size", 2)?.try_into().unwrap_or(0);
    let words = Embedding::load(scope, "embeddings.word_embeddings", [config.positive("vocab_size")?, width])?;
    let positions = positions(scope, "embeddings.position_embeddings")?;
    let token_types =
        TokenTypes::of(segments, || Embedding::load(scope, "embeddings.token_type_embeddings", [segments, width]))?;
    let norm = Norm::layer(scope, "embeddings.LayerNorm", width, eps)?;
    Ok(Embeddings { words, token_types, positions, norm: Some(norm), padding: Padding::Kept, projection: None })
}

/// BERT's layers after some embeddings.
pub(crate) fn layers<W>(
    config: &Config<'_>,
    scope: &mut WeightScope<'_, '_, W>,
    (shape, eps): (Shape, f32),
    embeddings: Embeddings<W>,
) -> Result<Encoder<W>> {
    let activation = config.activation("hidden_act", "gelu")?;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let layer = ClassicLayer { hidden: shape.hidden_size, heads, inner: shape.inner, eps, activation };
    // Collected one by one: an absurd number of layers ends at the first tensor that is not there.
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        layers.push(layer.load(scope, &format!("encoder.layer.{idx}"), &NAMES)?);
    }
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: vec![View::all()],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: shape.hidden_size,
    })
}

/// `transformers.BertForSequenceClassification`: pooler and classifier.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let hidden = config.shape()?.hidden_size;
    let pooler = Linear::load(scope, "pooler.dense", [hidden, hidden])?;
    Classifier::after_pooler(config, scope, (pooler, Activation::Tanh), hidden)
}

/// `transformers.BertForMaskedLM`.
pub(crate) fn masked_lm<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<MaskedLm<W>> {
    let shape = config.shape()?;
    let (hidden, eps) = (shape.hidden_size, config.positive_float("layer_norm_eps", 1e-12)?);
    let mut scope = scope.outer();
    let dense = Linear::load(&mut scope, "cls.predictions.transform.dense", [hidden, hidden])?;
    let norm = Norm::layer(&mut scope, "cls.predictions.transform.LayerNorm", hidden, eps)?;
    let activation = Step::Activation(config.activation("hidden_act", "gelu")?);
    let transform = Steps(vec![Step::Linear(dense), activation, Step::Norm(norm)]);
    let biases = ["cls.predictions.bias", "cls.predictions.decoder.bias"];
    let decoder = Decoder::load(config, &mut scope, ("cls.predictions.decoder", &biases), hidden)?;
    Ok(MaskedLm { transform, decoder })
}

impl<W> Classifier<W> {
    /// The first token through `pooler`, and `classifier` after it.
    pub(crate) fn after_pooler(
        config: &Config<'_>,
        scope: &mut WeightScope<'_, '_, W>,
        (pooler, activation): (Linear<W>, Activation),
        hidden: usize,
    ) -> Result<Self> {
        let labels = Self::labels(config)?;
        let classifier = Linear::load(&mut scope.outer(), "classifier", [labels, hidden])?;
        let steps = Steps(vec![Step::Linear(pooler), Step::Activation(activation), Step::Linear(classifier)]);
        Ok(Self { vector: TextVector::First, steps, labels })
    }
}
