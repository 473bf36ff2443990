//! RoBERTa, CamemBERT and XLM-RoBERTa: BERT with positions counted over tokens (Liu et al., arXiv:1907.11692;
//! Martin et al., arXiv:1911.03894; Conneau et al., arXiv:1911.02116).
//!
//! Names of weights and keys of the configuration are those of `transformers.RobertaModel`.

use drivetrain_contract::Result;

use crate::{
    Activation, WeightScope, bert,
    classifier::{Classifier, TextVector},
    config::Config,
    embeddings::Positions,
    encoder::Encoder,
    layers::{Embedding, Linear, Norm, Step, Steps},
    masked_lm::{Decoder, MaskedLm},
};

pub(crate) use bert::PROBE;

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    bert::check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let max_positions = config.positive("max_position_embeddings")?;
    let padding_id = config.integer("pad_token_id", 1)?;
    let embeddings = bert::embeddings(scope, config, (shape.hidden_size, eps), |scope, name| {
        let table = Embedding::load(scope, name, [max_positions, shape.hidden_size])?;
        Ok(Positions::After { padding_id, table })
    })?;
    bert::layers(config, scope, (shape, eps), embeddings)
}

/// `transformers.RobertaForSequenceClassification`, and those of MPNet and ELECTRA with activations of their own.
pub(crate) fn classifier<W>(
    config: &Config<'_>,
    scope: &mut WeightScope<'_, '_, W>,
    activation: Activation,
) -> Result<Classifier<W>> {
    let hidden = config.shape()?.hidden_size;
    let labels = Classifier::<W>::labels(config)?;
    let mut scope = scope.outer();
    let dense = Linear::load(&mut scope, "classifier.dense", [hidden, hidden])?;
    let output = Linear::load(&mut scope, "classifier.out_proj", [labels, hidden])?;
    let steps = Steps(vec![Step::Linear(dense), Step::Activation(activation), Step::Linear(output)]);
    Ok(Classifier { vector: TextVector::First, steps, labels })
}

/// `transformers.RobertaForMaskedLM`, and that of MPNet.
pub(crate) fn masked_lm<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<MaskedLm<W>> {
    let hidden = config.shape()?.hidden_size;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let mut scope = scope.outer();
    let dense = Linear::load(&mut scope, "lm_head.dense", [hidden, hidden])?;
    let norm = Norm::layer(&mut scope, "lm_head.layer_norm", hidden, eps)?;
    let transform = Steps(vec![Step::Linear(dense), Step::Activation(Activation::Gelu), Step::Norm(norm)]);
    let decoder =
        Decoder::load(config, &mut scope, ("lm_head.decoder", &["lm_head.bias", "lm_head.decoder.bias"]), hidden)?;
    Ok(MaskedLm { transform, decoder })
}
