//! The modules of a package: the steps from tokens to the final vector, in order.

use serde::Serialize;

use crate::{Dense, Pooling, SpladePooling};

/// One step of a package, as listed in `modules.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum Module {
    /// The transformer: tokens to one vector per token.
    Transformer {
        /// Folder inside the package; empty for the package itself.
        path: String,
    },
    /// Token vectors to one vector per text.
    Pooling(Pooling),
    /// A linear layer with an activation.
    Dense(Dense),
    /// Scaling to Euclidean length 1.
    Normalize,
    /// Scores of words, of a masked language model, to one weight per word.
    SpladePooling(SpladePooling),
    /// A choice of the token vectors that count when texts are compared token by token. It changes no vector.
    MultiVectorMask {
        /// Folder inside the package.
        path: String,
    },
    /// A table of token vectors that are averaged; stands for transformer and pooling at once.
    StaticEmbedding(StaticEmbedding),
    /// A module that this version does not run, kept so that the caller can refuse it by name.
    Other {
        /// What the package calls it, with what makes it unusual where a known module is meant.
        #[serde(rename = "name")]
        type_name: String,
        /// Folder inside the package.
        path: String,
    },
}

/// A table of token vectors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaticEmbedding {
    /// Folder inside the package; empty for the package itself.
    pub path: String,
    /// What becomes of tokens outside the vocabulary.
    pub unknown: UnknownTokens,
}

/// What becomes of unknown tokens before averaging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownTokens {
    /// They are left out, as model2vec does.
    Drop,
    /// The row of the unknown token counts, as sentence-transformers does.
    Keep,
}
