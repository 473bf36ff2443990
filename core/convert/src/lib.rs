//! One artifact made from another: export, quantise and distil, without Python.
#![forbid(unsafe_code)]

pub mod calibrate;
pub mod check;
mod conversion;
pub mod distill;
pub mod fit;
pub mod make;
pub mod onnx;
pub mod openvino_ir;
mod target;

pub use drivetrain_architectures::check_architecture;

pub use conversion::{ArtifactEngine, Conversion, GraphEngine, Opened, Rewriting, Tools, convert};
pub use target::{Level, Target};
