//! Everything that can be turned.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};
use tch::Kind;

/// Model, texts, and the settings of libtorch.
#[derive(Debug, Parser)]
pub(crate) struct Settings {
    /// Folder of a BERT model with mean pooling
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// File of texts
    #[arg(long)]
    pub(crate) texts: PathBuf,
    /// Tokens a text is cut to
    #[arg(long, default_value_t = 256)]
    pub(crate) max_length: usize,
    /// Texts in a batch
    #[arg(long, default_value_t = 32)]
    pub(crate) batch: usize,
    /// Threads that compute a batch each at the same time, with the same weights
    #[arg(long, default_value_t = 1)]
    pub(crate) sessions: usize,
    /// Threads each of them shares its batch out to
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Weights and activations are of this type
    #[arg(long, value_enum, default_value = "f32")]
    pub(crate) precision: Precision,
    /// Tokenise and batch inside the measured time, on as many threads as the environment allows
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) tokenise_inside: bool,
}

/// What is computed in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Precision {
    F32,
    Bf16,
}

impl Precision {
    /// libtorch's name of it.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}
