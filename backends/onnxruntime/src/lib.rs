//! ONNX Runtime, loaded at run time from the path the host resolved.
//!
//! The backend takes padded tokens and gives whatever of `sentence_embedding`, `last_hidden_state`, `logits` and
//! `vocab_scores` the graph has. Which execution providers exist is asked of the loaded library.
//!
//! # One library, one environment
//!
//! ONNX Runtime allows one environment in a process and `ort` one library. The first library that is opened stays for
//! the life of the process; opening another one is an error.
//!
//! # Telemetry
//!
//! From version 1.29 on, the libraries in the published wheels start a thread and write a device id under the user's
//! cache folder when they are loaded, unless the environment variable `ORT_DISABLE_TELEMETRY` is `1` before that. A
//! backend does not change the environment, so whoever owns the process has to set it; where it is not set, a warning
//! is logged. The events themselves are always switched off through the API.
//!
//! # Invariants
//!
//! - A library that is missing, too old or no library is an error before any of it is used.
//! - A device that was asked for is used or the session is an error.
//! - `unsafe` stands in `library` only.
#![deny(unsafe_code)]

mod backend;
mod convert;
mod device;
mod error;
mod feeds;
mod graph;
#[expect(unsafe_code, reason = "a shared library is loaded and asked for its version")]
mod library;
mod load;
mod memory;
mod options;
mod run;
mod runtime;
mod session;
mod watch;

pub use backend::OnnxRuntime;

/// The plugin's manifest, as the host reads it beside the library.
pub const MANIFEST: &str = include_str!("../plugin.toml");
