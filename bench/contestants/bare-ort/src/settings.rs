//! Everything that can be turned.

use std::path::PathBuf;

use clap::{ArgAction, Parser};

/// Model, texts, and the settings of ONNX Runtime.
#[derive(Debug, Parser)]
pub(crate) struct Settings {
    /// ONNX Runtime's library
    #[arg(long)]
    pub(crate) library: PathBuf,
    /// Graph with an output `sentence_embedding`
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
    /// Sessions that run at the same time
    #[arg(long, default_value_t = 1)]
    pub(crate) sessions: usize,
    /// Threads of each session
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Keep activations' memory between runs
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub(crate) arena: bool,
    /// Plan memory for each shape seen
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) memory_pattern: bool,
    /// Run independent operations at the same time
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) parallel: bool,
    /// Let idle threads spin
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) spin: bool,
    /// Bind inputs and outputs instead of handing them over
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) io_binding: bool,
    /// Ask for every output of the graph instead of the vectors only
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) all_outputs: bool,
    /// Tokenise and batch inside the measured time, on as many threads as the environment allows
    #[arg(long, default_value_t = false, action = ArgAction::Set)]
    pub(crate) tokenise_inside: bool,
}
