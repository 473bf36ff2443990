//! DistilBERT: BERT of half the layers, without segments (Sanh et al., arXiv:1910.01108).
//!
//! Names of weights and keys of the configuration are those of `transformers.DistilBertModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, WeightScope,
    attention::Heads,
    classifier::{Classifier, TextVector},
    config::Config,
    embeddings::{Embeddings, Padding, Positions, TokenTypes},
    encoder::{Distances, Encoder, View},
    layer::{ClassicLayer, ClassicNames},
    layers::{Embedding, Linear, Norm, Step, Steps},
    masked_lm::{Decoder, MaskedLm},
};

pub(crate) use crate::bert::PROBE;

/// Added to the variance in each normalisation: not configurable.
const EPS: f32 = 1e-12;

const NAMES: ClassicNames = ClassicNames {
    query_key_value: ["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    mlp_norm: "output_layer_norm",
};

/// The encoder. Sinusoidal positions are in the weights like learned ones.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    let shape = config.shape()?;
    let hidden = shape.hidden_size;
    let max_positions = config.positive("max_position_embeddings")?;
    let words = Embedding::load(scope, "embeddings.word_embeddings", [shape.vocab_size, hidden])?;
    let positions = Embedding::load(scope, "embeddings.position_embeddings", [max_positions, hidden])?;
    let embeddings = Embeddings {
        words,
        token_types: TokenTypes::None,
        positions: Positions::FromZero(positions),
        norm: Some(Norm::layer(scope, "embeddings.LayerNorm", hidden, EPS)?),
        padding: Padding::Kept,
        projection: None,
    };
    let activation = config.activation("activation", "gelu")?;
    let heads = Heads::equal(shape.heads, shape.head_dim());
    let layer = ClassicLayer { hidden, heads, inner: shape.inner, eps: EPS, activation };
    let mut layers = Vec::new();
    for idx in 0..shape.layers {
        layers.push(layer.load(scope, &format!("transformer.layer.{idx}"), &NAMES)?);
    }
    Ok(Encoder {
        embeddings,
        distances: Distances::None,
        views: vec![View::all()],
        order: (0..layers.len()).collect(),
        layers,
        final_norm: None,
        hidden_size: hidden,
    })
}

/// `transformers.DistilBertForSequenceClassification`.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let hidden = config.shape()?.hidden_size;
    let labels = Classifier::<W>::labels(config)?;
    let mut scope = scope.outer();
    let dense = Linear::load(&mut scope, "pre_classifier", [hidden, hidden])?;
    let output = Linear::load(&mut scope, "classifier", [labels, hidden])?;
    let steps = Steps(vec![Step::Linear(dense), Step::Activation(Activation::Relu), Step::Linear(output)]);
    Ok(Classifier { vector: TextVector::First, steps, labels })
}

/// `transformers.DistilBertForMaskedLM`.
pub(crate) fn masked_lm<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<MaskedLm<W>> {
    let hidden = config.shape()?.hidden_size;
    let activation = Step::Activation(config.activation("activation", "gelu")?);
    let mut scope = scope.outer();
    let dense = Linear::load(&mut scope, "vocab_transform", [hidden, hidden])?;
    let norm = Norm::layer(&mut scope, "vocab_layer_norm", hidden, EPS)?;
    let transform = Steps(vec![Step::Linear(dense), activation, Step::Norm(norm)]);
    let decoder = Decoder::load(config, &mut scope, ("vocab_projector", &["vocab_projector.bias"]), hidden)?;
    Ok(MaskedLm { transform, decoder })
}
