//! The backend with a real OpenVINO, whose path is in `DRIVETRAIN_TEST_OPENVINO`.
//!
//! Without it these tests are skipped visibly, and fail where `CI` is `true`.

mod alone;
mod elsewhere;
mod files;
mod fixtures;
mod graphs;
mod groups;
mod ir_file;
mod libraries;
mod life;
mod memory_limit;
#[path = "../../../onnxruntime/tests/engine/onnx_file.rs"]
mod onnx_file;
mod rig;
