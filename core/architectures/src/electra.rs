//! ELECTRA: BERT with tables of an extent of their own (Clark et al., arXiv:2003.10555).
//!
//! Names of weights and keys of the configuration are those of `transformers.ElectraModel`.

use drivetrain_contract::Result;

use crate::{
    WeightScope, bert,
    config::Config,
    embeddings::Positions,
    encoder::Encoder,
    layers::{Embedding, Linear},
};

pub(crate) use bert::PROBE;

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    bert::check_variant(config)?;
    let shape = config.shape()?;
    let eps = config.positive_float("layer_norm_eps", 1e-12)?;
    let width = config.positive_opt("embedding_size")?.unwrap_or(shape.hidden_size);
    let max_positions = config.positive("max_position_embeddings")?;
    let mut embeddings = bert::embeddings(scope, config, (width, eps), |scope, name| {
        Ok(Positions::FromZero(Embedding::load(scope, name, [max_positions, width])?))
    })?;
    if width != shape.hidden_size {
        embeddings.projection = Some(Linear::load(scope, "embeddings_project", [shape.hidden_size, width])?);
    }
    bert::layers(config, scope, (shape, eps), embeddings)
}
