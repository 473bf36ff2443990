//! Static embeddings: a text's vector is the mean of its tokens' vectors, looked up in a table.
//!
//! Two kinds of package are read, which differ in what becomes of tokens outside the vocabulary:
//!
//! - *model2vec* leaves them out. These run through `model2vec-rs`, whose tokeniser is many times faster than any that
//!   keeps offsets.
//! - sentence-transformers' *StaticEmbedding* counts the row of the unknown token. These run through `tokenizers` and
//!   the gather-mean of this crate.
//!
//! The backend takes text and gives `sentence_embedding`. Whatever the files hold, they are checked before a session
//! exists: no token can point outside the table, and the table holds no NaN.
#![forbid(unsafe_code)]

mod backend;
mod convert;
mod description;
mod device;
mod engine;
mod error;
mod gather;
mod options;
mod session;
mod vocabulary;

pub use backend::StaticBackend;

/// The plugin's manifest, as the host reads it beside the library.
pub const MANIFEST: &str = include_str!("../plugin.toml");
