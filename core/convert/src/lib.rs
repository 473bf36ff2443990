//! One artifact made from another: export, quantise and distil, without Python.
#![forbid(unsafe_code)]

pub mod calibrate;
mod conversion;
pub mod distill;
pub mod fit;
pub mod onnx;
pub mod openvino_ir;
mod target;

pub use conversion::{Conversion, GraphEngine, Rewriting, Tools, convert};
pub use target::{Level, Target};
