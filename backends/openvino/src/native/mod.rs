//! The one unsafe module: OpenVINO's C interface as values that free themselves.
//!
//! `openvino-sys` loads the library and declares its functions. The safe crate above it, `openvino`, is not used: it
//! takes no properties for one compilation, wraps no memory of the caller's, frees no text, and keeps its pointers
//! private.

mod compiled;
mod core;
mod failure;
mod library;
mod request;
mod tensor;
mod text;

/// Type of a tensor's elements.
pub(crate) use openvino_sys::ov_element_type_e as Element;

pub(crate) use self::{
    compiled::{CompiledModel, Port},
    core::{Core, Source},
    failure::{Code, Failure},
    library::Library,
    request::{Ended, InferRequest},
    tensor::{Elements, Input, Output},
};

#[cfg(test)]
pub(crate) use self::library::{BELOW, MIN};
