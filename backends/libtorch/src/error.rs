//! From libtorch's errors to the contract's.

use drivetrain_contract::{Error, ErrorKind, Output, Precision};
use tch::TchError;

/// A weight could not be made into a tensor.
pub(crate) fn load(name: &str, err: TchError) -> Error {
    let message = format!("libtorch cannot load `{name}`");
    with_words(kind(&err, ErrorKind::Model), message, err)
}

/// An operation failed.
pub(crate) fn run(err: TchError) -> Error {
    with_words(kind(&err, ErrorKind::Internal), "libtorch failed to compute".to_owned(), err)
}

/// The model has no artifact that can be computed in this precision.
pub(crate) fn no_artifact(precision: Precision) -> Error {
    if precision == Precision::Int8 {
        return Error::unsupported("libtorch does not compute in int8 here").with_hint("ask for f32, bf16 or f16");
    }
    Error::unsupported("the model has neither weights in safetensors nor a TorchScript file")
        .with_hint("save the model with transformers as safetensors; a graph in ONNX runs with `--backend onnxruntime`")
}

/// The session has no such output.
pub(crate) fn no_output(output: Output) -> Error {
    Error::unsupported(format!("this model gives no `{}`", output.name()))
}

/// The message without the trace of C++ frames behind it.
fn with_words(kind: ErrorKind, message: String, err: TchError) -> Error {
    let words = match err {
        TchError::Torch(words) => words,
        other => other.to_string(),
    };
    let end =
        ["\nException raised from", "\nTraceback of TorchScript"].iter().filter_map(|mark| words.find(mark)).min();
    let words = words[..end.unwrap_or(words.len())].trim();
    let error = Error::new(kind, message).with_source(words.to_owned());
    match kind {
        ErrorKind::OutOfMemory => error.with_hint("smaller batches need less memory: lower `pipeline.batch_tokens`"),
        _ => error,
    }
}

/// What libtorch's words mean; it has no codes.
fn kind(err: &TchError, otherwise: ErrorKind) -> ErrorKind {
    const WORDS: [(&str, ErrorKind); 13] = [
        ("out of memory", ErrorKind::OutOfMemory),
        ("can't allocate memory", ErrorKind::OutOfMemory),
        ("not enough memory", ErrorKind::OutOfMemory),
        ("bad_alloc", ErrorKind::OutOfMemory),
        ("ALLOC_FAILED", ErrorKind::OutOfMemory),
        ("device-side assert", ErrorKind::DeviceLost),
        ("illegal memory access", ErrorKind::DeviceLost),
        ("unspecified launch failure", ErrorKind::DeviceLost),
        ("index out of range", ErrorKind::Invalid),
        ("not implemented for", ErrorKind::Unsupported),
        ("Could not run 'aten::", ErrorKind::Unsupported),
        ("Found no NVIDIA driver", ErrorKind::Dependency),
        ("no kernel image is available", ErrorKind::Unsupported),
    ];
    match err {
        TchError::Torch(words) => {
            WORDS.iter().find(|(part, _)| words.contains(part)).map_or(otherwise, |(_, kind)| *kind)
        }
        TchError::Io(_) => ErrorKind::Io,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expect: ErrorKind, says: &str) {
        let error = run(TchError::Torch(words.to_owned()));
        assert_eq!(error.kind(), expect, "{words}");
        assert!(error.to_text().contains(says), "{}", error.to_text());
        assert!(!error.to_text().contains("frame #0"), "{}", error.to_text());
    }

    #[test]
    fn words_become_kinds_without_the_trace() {
        let trace = "\nException raised from alloc_cpu at ../c10/core/impl/alloc_cpu.cpp:127\nframe #0: c10::Error";
        let full = format!("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 9{trace}");
        check(&full, ErrorKind::OutOfMemory, "can't allocate memory: 9");
        check("CUDA out of memory. Tried to allocate 2.00 GiB", ErrorKind::OutOfMemory, "batch_tokens");
        check("std::bad_alloc", ErrorKind::OutOfMemory, "bad_alloc");
        check("CUDA error: device-side assert triggered", ErrorKind::DeviceLost, "assert");
        check("index out of range in self", ErrorKind::Invalid, "range");
        check("\"addmm_impl_cpu_\" not implemented for 'Half'", ErrorKind::Unsupported, "Half");
        check("mat1 and mat2 shapes cannot be multiplied", ErrorKind::Internal, "failed to compute");
        let model = load("a.pt", TchError::Torch("PytorchStreamReader failed reading zip archive".to_owned()));
        assert_eq!(model.kind(), ErrorKind::Model);
    }
}
