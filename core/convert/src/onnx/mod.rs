//! ONNX files written from a package's weights: graph, weights and pooling, in one pass and in constant memory.
//!
//! [`export`] runs the package's architecture with operations that emit nodes (`emit.rs`), then writes the protobuf
//! message itself (`proto.rs`, `schema.rs`, `model_file.rs`): every length is computed first, so that weights stream
//! from the safetensors file to the disk (`tensor.rs`).
//!
//! # Invariants
//!
//! - A target is only ever replaced by a whole file: everything is written under a temporary name beside it, flushed to
//!   the disk and renamed (`staged.rs`). After an error or a cancellation nothing is left behind.
//! - Equal packages give equal bytes.
//! - Memory does not grow with the model: about 140 MB, however large a tensor is.

mod emit;
mod export;
mod form;
mod fused;
mod graph;
mod grid;
mod half;
mod int8;
mod model_file;
pub(crate) mod observed;
mod proto;
mod relative;
mod schema;
mod site_numbers;
mod sites;
mod staged;
mod stored;
mod tensor;
#[cfg(test)]
mod tests;
mod weights;

pub use export::{ExportOptions, ExportReport, Progress, export};
pub(crate) use export::{metadata, outputs};
pub use form::{Activations, Form, Int8, Int8Preset, SiteForm, SiteNumbers};
pub use fused::Contributed;
pub(crate) use grid::{Grid, GridRange};
pub(crate) use int8::MIN_TABLE_ELEMENTS;
pub(crate) use schema::ElementType;
pub(crate) use sites::Sites;
pub(crate) use staged::StagedFile;
pub(crate) use stored::{Numbers, Stored};
pub(crate) use tensor::{Contents, Tensor};
