//! libtorch, the C++ library of PyTorch: transformers computed straight from their safetensors, and TorchScript files.
//!
//! A package of safetensors needs no conversion: every architecture of `drivetrain-architectures` runs through the
//! operations in `ops`, with `scaled_dot_product_attention`, and the package's pooling after it. A TorchScript file runs
//! as it is. Both take padded tokens.
//!
//! # Weights
//!
//! Weights that are stored in the precision of the session lie in mapped files, and sessions of one model, precision
//! and device share them. Others are converted tensor by tensor when they are loaded.
//!
//! # One version
//!
//! The C++ interface is that of one version of libtorch. Whoever loads this crate must have loaded, or be linked with,
//! a library of that version: the plugin's manifest says which, and the host checks it before loading anything.
//!
//! # Invariants
//!
//! - Every operation of libtorch goes through a method that returns an error; none that panics is called with what a
//!   caller or a file may decide.
//! - An id outside the vocabulary never reaches libtorch: on a GPU it would poison the whole process.
//! - `unsafe` stands in `mapped` only.
#![deny(unsafe_code)]

mod backend;
mod convert;
mod description;
mod device;
mod encoder;
mod error;
#[expect(unsafe_code, reason = "files are mapped, and tensors made of what is mapped")]
mod mapped;
mod memory;
mod ops;
mod options;
mod script;
mod session;
mod shared;
mod signature;
mod threads;

pub use backend::LibTorch;

/// The plugin's manifest, as the host reads it beside the library.
pub const MANIFEST: &str = include_str!("../plugin.toml");
