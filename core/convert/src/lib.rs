//! One artifact made from another: export and distil, without Python.
#![forbid(unsafe_code)]

pub mod distill;
pub mod fit;
pub mod onnx;
pub mod openvino_ir;
