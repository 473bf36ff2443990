//! EuroBERT: an encoder with layers of Llama's kind (Boizard et al., arXiv:2503.05500).
//!
//! Names of weights and keys of the configuration are those of `transformers.EuroBertModel`.

use drivetrain_contract::Result;

use crate::{
    Reach, WeightScope,
    config::Config,
    decoder_layers::{self, DecoderKind},
    encoder::Encoder,
};

pub(crate) use decoder_layers::PROBE;

const KIND: DecoderKind =
    DecoderKind { reach: Reach::All, default_eps: 1e-5, default_theta: 250_000.0, has_head_norms: false };

/// The encoder.
pub(crate) fn encoder<W>(config: &Config<'_>, scope: &mut WeightScope<'_, '_, W>) -> Result<Encoder<W>> {
    KIND.encoder(config, scope)
}
