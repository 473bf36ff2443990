//! Everything that can be turned.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

/// Model, texts, and the settings of OpenVINO.
#[derive(Debug, Parser)]
pub(crate) struct Settings {
    /// OpenVINO's library for C, 2026.0 or newer
    #[arg(long)]
    pub(crate) library: PathBuf,
    /// Graph with an output `sentence_embedding`, as ONNX or as OpenVINO's own
    #[arg(long)]
    pub(crate) graph: PathBuf,
    /// The model's `tokenizer.json`
    #[arg(long)]
    pub(crate) tokenizer: PathBuf,
    /// File of texts
    #[arg(long)]
    pub(crate) texts: PathBuf,
    /// Tokens a text is cut to
    #[arg(long, default_value_t = 256)]
    pub(crate) max_length: usize,
    /// Texts in a batch
    #[arg(long, default_value_t = 32)]
    pub(crate) batch: usize,
    /// Batches that are computed at the same time
    #[arg(long, default_value_t = 1)]
    pub(crate) streams: usize,
    /// Threads of each stream
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Requests for each stream: with more than one, the next batch waits in the engine
    #[arg(long, default_value_t = 1)]
    pub(crate) depth: usize,
    /// What is not in 8 bits is computed in
    #[arg(long, default_value = "f32")]
    pub(crate) precision: String,
    /// Tokenise and batch inside the measured time, on as many threads as the environment allows
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) tokenise_inside: bool,
}
