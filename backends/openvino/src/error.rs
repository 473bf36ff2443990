//! From OpenVINO's failures to the contract's errors.

use drivetrain_contract::{Error, ErrorKind, Precision};

use crate::native::{Code, Failure};

/// The way out when there is no suitable library.
pub(crate) const INSTALL: &str = "run `drivetrain runtimes install openvino`";

/// What is said of weights in a file that is a link to another folder, as all are in the hub's cache (since 2026).
const LINKED: &str = "outside the base directory";

/// A graph could not be made into a session.
pub(crate) fn load(label: &str, failure: Failure) -> Error {
    let kind = load_kind(failure.code, failure.message());
    let error = Error::new(kind, format!("OpenVINO cannot load `{label}`"));
    let error = match kind {
        _ if failure.message().contains(LINKED) => error.with_hint(
            "it follows no links to weights: make a copy with `cp -rL` and name that, or take another backend",
        ),
        ErrorKind::Invalid => error.with_hint("check `properties` in `[backends.openvino]`"),
        ErrorKind::Unsupported => error.with_hint("another backend may know what this one does not"),
        ErrorKind::Model => error.with_hint("convert the model again"),
        _ => error,
    };
    error.with_source(failure)
}

/// A run failed.
pub(crate) fn run(failure: Failure) -> Error {
    let kind = run_kind(failure.code, failure.message());
    Error::new(kind, "OpenVINO failed to run the graph").with_source(failure)
}

/// The engine could not be asked about itself.
pub(crate) fn ask(failure: Failure) -> Error {
    Error::dependency("OpenVINO does not tell about its devices").with_source(failure).with_hint(INSTALL)
}

/// The model has no artifact that could be run in this precision.
pub(crate) fn no_such_precision(precision: Precision, stored: &[&str]) -> Error {
    if stored.is_empty() {
        return Error::unsupported("the model has neither an ONNX nor an OpenVINO IR artifact")
            .with_hint("make one: `drivetrain convert MODEL --to onnx`");
    }
    Error::unsupported(format!("the model has no artifact for {precision}, only in {}", stored.join(", ")))
        .with_hint("ask for one of these; bf16 and f16 are computed from f32")
}

fn load_kind(code: Code, message: &str) -> ErrorKind {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    match code {
        _ if out_of_memory(message) => ErrorKind::OutOfMemory,
        _ if says(&["nsupported property", "Option not found", "for property key", "property key"]) => {
            ErrorKind::Invalid
        }
        Code::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        _ if says(&["does not support the following", "unsupported operation", "is not supported", LINKED]) => {
            ErrorKind::Unsupported
        }
        _ => ErrorKind::Model,
    }
}

fn run_kind(code: Code, message: &str) -> ErrorKind {
    match code {
        _ if out_of_memory(message) => ErrorKind::OutOfMemory,
        _ if message.contains("CL_DEVICE_NOT_AVAILABLE") || message.contains("DEVICE_LOST") => ErrorKind::DeviceLost,
        Code::NOT_IMPLEMENTED => ErrorKind::Unsupported,
        Code::PARAMETER_MISMATCH | Code::OUT_OF_BOUNDS => ErrorKind::Invalid,
        Code::REQUEST_BUSY => ErrorKind::Busy,
        _ if message.contains("shape") => ErrorKind::Invalid,
        _ => ErrorKind::Internal,
    }
}

/// The texts of `std::bad_alloc`, of oneDNN and of OpenCL.
fn out_of_memory(message: &str) -> bool {
    let texts = ["bad_alloc", "out of memory", "out_of_memory", "ailed to allocate", "CL_OUT_OF", "cannot allocate"];
    texts.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_texts_become_kinds() {
        assert_eq!(load_kind(Code::GENERAL_ERROR, "std::bad_alloc"), ErrorKind::OutOfMemory);
        assert_eq!(load_kind(Code::GENERAL_ERROR, "Unable to read the model"), ErrorKind::Model);
        let unknown = "OpenVINO does not support the following ONNX operations: Foo";
        assert_eq!(load_kind(Code::UNEXPECTED, unknown), ErrorKind::Unsupported);
        assert_eq!(load_kind(Code::NOT_FOUND, "Unsupported property FOO by CPU plugin."), ErrorKind::Invalid);
        assert_eq!(run_kind(Code::GENERAL_ERROR, "could not execute: out of memory"), ErrorKind::OutOfMemory);
        assert_eq!(run_kind(Code::PARAMETER_MISMATCH, "x"), ErrorKind::Invalid);
        assert_eq!(run_kind(Code::GENERAL_ERROR, "x"), ErrorKind::Internal);
    }
}
