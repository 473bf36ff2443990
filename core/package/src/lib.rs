//! A model directory in the sentence-transformers layout, read and checked.
//!
//! [`Package::open`] reads what the Hugging Face and sentence-transformers libraries write beside a model and says what
//! it is: task, modules, limits, prompts, and which [artifacts](ArtifactFile) exist. [`Weights`] gives access to the
//! tensors without ever reading a file whole. Nothing here computes, and only [`hub`] downloads or writes.
//!
//! # Invariants
//!
//! - Whatever the files hold, opening a package ends with a package or an error that names the file: sizes are checked
//!   against the length of the file before anything is allocated, and only regular files are read.
//! - No path read from a file leads out of the package.
//! - What a file leaves out is filled in as sentence-transformers 6 fills it in.
#![forbid(unsafe_code)]

mod artifact;
mod artifact_records;
mod dense;
mod description;
mod files;
pub mod hub;
mod installed;
mod json;
mod limits;
mod locate;
mod module;
mod modules_json;
mod package;
mod pooling;
mod prompts;
mod splade;
mod static_table;
mod task;
mod tokenizer;
mod weights;

pub use artifact::ArtifactFile;
pub use artifact_records::{ArtifactCheck, ArtifactRecord, ArtifactRecords, Bounds, Figures, MadeFile};
pub use dense::{Activation, Dense};
pub use files::Files;
pub use installed::{Installed, installed, remove};
pub use locate::locate;
pub use module::{Module, StaticEmbedding, UnknownTokens};
pub use package::Package;
pub use pooling::{Pooling, PoolingMode};
pub use prompts::Prompts;
pub use splade::{SpladeActivation, SpladePooling, SpladeStrategy};
pub use task::Task;
pub use tokenizer::{Side, TokenizerFacts};
pub use weights::{Dtype, TensorInfo, TensorPlace, Weights};
