//! ONNX files: what an engine would believe, checked without reading the weights.
//!
//! Format: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>, in the wire format of protocol buffers.

mod circles;
mod functions;
mod model;
mod names;
mod tensor;
mod wire;

pub(crate) use model::check;
