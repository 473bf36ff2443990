//! Qwen3: a decoder, each token of which sees those before it (Yang et al., arXiv:2505.09388; as an embedder Zhang et
//! al., arXiv:2506.05176).
//!
//! Names of weights and keys of the configuration are those of `transformers.Qwen3Model`.

use drivetrain_contract::Result;

use crate::{
    Reach, WeightScope,
    classifier::{Classifier, TextVector},
    config::Config,
    decoder_layers::{self, DecoderKind},
    encoder::Encoder,
    layers::{Linear, Step, Steps},
};

pub(crate) use decoder_layers::PROBE;

const KIND: DecoderKind =
    DecoderKind { reach: Reach::Causal, default_eps: 1e-6, default_theta: 10_000.0, has_head_norms: true };

/// The transformer.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    let types = config.texts("layer_types")?.unwrap_or_default();
    if let Some(other) = types.iter().find(|kind| **kind != "full_attention") {
        return Err(config.unsupported("layer_types", other, "`full_attention`"));
    }
    config.refuse_flags(&["use_sliding_window"], "attention to all earlier tokens")?;
    KIND.encoder(config, scope)
}

/// `transformers.Qwen3ForSequenceClassification`: a matrix on the last token's vector.
pub(crate) fn classifier<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Classifier<W>> {
    let hidden = config.shape_with_free_heads()?.hidden_size;
    let labels = Classifier::<W>::labels(config)?;
    let score = Linear::load_without_bias(&mut scope.outer(), "score", [labels, hidden])?;
    Ok(Classifier { vector: TextVector::Last, steps: Steps(vec![Step::Linear(score)]), labels })
}
