//! OpenVINO, loaded at run time from the path the host resolved.
//!
//! The backend takes padded tokens and gives whatever of `sentence_embedding`, `last_hidden_state`, `logits` and
//! `vocab_scores` the graph has. Which devices there are, and what each computes in, is asked of the loaded library.
//!
//! # One library
//!
//! `openvino-sys` binds a process to one library. The first that is opened stays for the life of the process; opening
//! another one is an error.
//!
//! # Precision
//!
//! Left to itself, OpenVINO computes in bf16 on a processor that has it, and answers the wish for f16 with bf16 where
//! f16 is missing. So the precision is always said, and one that the device does not list among its capabilities is an
//! error unless `allow_emulated` is set. A session in bf16 or f16 takes the f32 artifact, which the engine converts. In
//! an int8 graph, what is not computed in 8 bits is computed in f32, or as `int8_rest` says.
//!
//! # Several sessions
//!
//! Sessions of one [`drivetrain_contract::SessionGroup`] share one compiled model with a stream for each, and so one
//! copy of the weights.
//!
//! # Invariants
//!
//! - A library that is missing, of an unsuitable version or no library is an error before any of it is used.
//! - A device that was asked for is used or the session is an error; nothing falls back.
//! - The shapes of batches go to the engine as they are: padding them to few shapes was measured and is slower.
//! - `unsafe` stands in `native` only.
#![deny(unsafe_code)]

mod artifact;
mod backend;
mod cache;
mod compiled;
mod convert;
mod device;
mod error;
mod feeds;
mod graph;
mod load;
mod memory;
#[expect(unsafe_code, reason = "OpenVINO's C interface")]
mod native;
mod options;
mod properties;
mod run;
mod runtime;
mod session;

pub use backend::OpenVino;

/// The plugin's manifest, as the host reads it beside the library.
pub const MANIFEST: &str = include_str!("../plugin.toml");
