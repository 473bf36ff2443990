//! From ONNX Runtime's errors to the contract's.

use drivetrain_contract::{Error, ErrorKind, Precision};
use ort::ErrorCode;

/// The way out when there is no suitable library.
pub(crate) const INSTALL: &str = "run `drivetrain runtimes install onnxruntime`";

/// A graph could not be made into a session.
pub(crate) fn load(label: &str, err: ort::Error) -> Error {
    let kind = load_kind(err.code(), err.message());
    let error = Error::new(kind, format!("ONNX Runtime cannot load `{label}`")).with_source(err);
    match kind {
        ErrorKind::OutOfMemory => error.with_hint("raise the limit on memory, or run fewer `pipeline.sessions`"),
        _ => error,
    }
}

/// A run failed.
pub(crate) fn run(err: ort::Error) -> Error {
    let kind = run_kind(err.code(), err.message());
    Error::new(kind, "ONNX Runtime failed to run the graph").with_source(err)
}

fn load_kind(code: ErrorCode, message: &str) -> ErrorKind {
    match code {
        ErrorCode::NoSuchFile => ErrorKind::NotFound,
        ErrorCode::NotImplemented => ErrorKind::Unsupported,
        ErrorCode::DeviceReset => ErrorKind::DeviceLost,
        _ if out_of_memory(message) => ErrorKind::OutOfMemory,
        _ => ErrorKind::Model,
    }
}

fn run_kind(code: ErrorCode, message: &str) -> ErrorKind {
    match code {
        ErrorCode::InvalidArgument => ErrorKind::Invalid,
        ErrorCode::NotImplemented => ErrorKind::Unsupported,
        ErrorCode::DeviceReset => ErrorKind::DeviceLost,
        _ if out_of_memory(message) => ErrorKind::OutOfMemory,
        _ if message.contains("out of range") => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    }
}

/// A setting was not accepted.
pub(crate) fn setting(err: ort::Error) -> Error {
    Error::invalid("ONNX Runtime does not accept the session's settings").with_source(err)
}

/// An execution provider that the library has could not be started.
pub(crate) fn device(device_id: &str, err: ort::Error) -> Error {
    Error::dependency(format!("device `{device_id}` cannot be used"))
        .with_source(err)
        .with_hint("its driver or libraries are missing or too old; `cpu` always works")
}

/// The model has no ONNX artifact in this precision.
pub(crate) fn no_such_precision(precision: Precision, stored: &[&str]) -> Error {
    if stored.is_empty() {
        return Error::unsupported("the model has no ONNX artifact")
            .with_hint("make one: `drivetrain convert MODEL --to onnx`");
    }
    Error::unsupported(format!("the model has no ONNX artifact in {precision}, only in {}", stored.join(", ")))
        .with_hint("ask for one of these; ONNX Runtime computes in the precision of the file")
}

/// The texts of `std::bad_alloc`, of ONNX Runtime's arena, and of CUDA and its libraries.
fn out_of_memory(message: &str) -> bool {
    ["Failed to allocate memory", "bad_alloc", "Available memory of", "out of memory", "ALLOC_FAILED"]
        .iter()
        .any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_become_kinds() {
        assert_eq!(load_kind(ErrorCode::InvalidProtobuf, "x"), ErrorKind::Model);
        assert_eq!(load_kind(ErrorCode::NotImplemented, "x"), ErrorKind::Unsupported);
        assert_eq!(load_kind(ErrorCode::GenericFailure, "std::bad_alloc"), ErrorKind::OutOfMemory);
        assert_eq!(run_kind(ErrorCode::InvalidArgument, "x"), ErrorKind::Invalid);
        assert_eq!(run_kind(ErrorCode::GenericFailure, "input index out of range"), ErrorKind::Invalid);
        assert_eq!(run_kind(ErrorCode::GenericFailure, "x"), ErrorKind::Internal);
    }
}
