//! A model compiled for a device: its ports, and requests to run it.

use std::{
    ptr::{self, NonNull},
    slice,
};

use openvino_sys::{
    ov_compiled_model_create_infer_request, ov_compiled_model_free, ov_compiled_model_input_by_index,
    ov_compiled_model_inputs_size, ov_compiled_model_output_by_index, ov_compiled_model_output_by_name,
    ov_compiled_model_outputs_size, ov_compiled_model_t, ov_output_const_port_free, ov_output_const_port_t,
    ov_partial_shape_free, ov_partial_shape_t, ov_port_get_any_name, ov_port_get_element_type,
    ov_port_get_partial_shape, ov_rank_t,
};

use super::{
    Element, Failure, InferRequest,
    core::not_null,
    failure::check,
    text::{c_text, take},
};

/// A compiled model.
#[derive(Debug)]
pub(crate) struct CompiledModel {
    ptr: NonNull<ov_compiled_model_t>,
}

// SAFETY: OpenVINO's compiled models may be used from several threads at once, and belong to none.
unsafe impl Send for CompiledModel {}
// SAFETY: as above.
unsafe impl Sync for CompiledModel {}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// One of its names.
    pub(crate) name: String,
    /// Type of the elements.
    pub(crate) element: Element,
    /// Extent of each axis, `None` for one that is open; no shape where even the number of axes is open.
    pub(crate) shape: Option<Vec<Option<usize>>>,
}

impl CompiledModel {
    pub(super) fn new(ptr: NonNull<ov_compiled_model_t>) -> Self {
        Self { ptr }
    }

    /// The inputs in order.
    pub(crate) fn inputs(&self) -> Result<Vec<Port>, Failure> {
        let read = |index| {
            let mut port = ptr::null_mut();
            // SAFETY: the model lives, and the function fills the pointer it is given.
            check(unsafe { ov_compiled_model_input_by_index(self.ptr.as_ptr(), index, &raw mut port) })?;
            PortHandle(not_null(port)?).read()
        };
        (0..self.n_inputs()?).map(read).collect()
    }

    /// The outputs in order.
    pub(crate) fn outputs(&self) -> Result<Vec<Port>, Failure> {
        let mut n_outputs = 0;
        // SAFETY: the model lives, and the function fills the number it is given.
        check(unsafe { ov_compiled_model_outputs_size(self.ptr.as_ptr(), &raw mut n_outputs) })?;
        let read = |index| {
            let mut port = ptr::null_mut();
            // SAFETY: the model lives, and the function fills the pointer it is given.
            check(unsafe { ov_compiled_model_output_by_index(self.ptr.as_ptr(), index, &raw mut port) })?;
            PortHandle(not_null(port)?).read()
        };
        (0..n_outputs).map(read).collect()
    }

    /// The output that has this among its names.
    pub(crate) fn output_named(&self, name: &str) -> Option<Port> {
        let c_name = c_text(name).ok()?;
        let mut port = ptr::null_mut();
        // SAFETY: the model and the name live, and the function fills the pointer it is given.
        check(unsafe { ov_compiled_model_output_by_name(self.ptr.as_ptr(), c_name.as_ptr(), &raw mut port) }).ok()?;
        let port = PortHandle(not_null(port).ok()?).read().ok()?;
        Some(Port { name: name.to_owned(), ..port })
    }

    /// A place to run the model in.
    pub(crate) fn request(&self) -> Result<InferRequest, Failure> {
        let mut request = ptr::null_mut();
        // SAFETY: the model lives, and the function fills the pointer it is given.
        check(unsafe { ov_compiled_model_create_infer_request(self.ptr.as_ptr(), &raw mut request) })?;
        Ok(InferRequest::new(not_null(request)?, self.n_inputs()?))
    }

    fn n_inputs(&self) -> Result<usize, Failure> {
        let mut n_inputs = 0;
        // SAFETY: the model lives, and the function fills the number it is given.
        check(unsafe { ov_compiled_model_inputs_size(self.ptr.as_ptr(), &raw mut n_inputs) })?;
        Ok(n_inputs)
    }
}

impl Drop for CompiledModel {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again; requests keep what they need of the model.
        unsafe { ov_compiled_model_free(self.ptr.as_ptr()) }
    }
}

/// The library's own port.
struct PortHandle(NonNull<ov_output_const_port_t>);

impl PortHandle {
    fn read(&self) -> Result<Port, Failure> {
        let port = self.0.as_ptr();
        let mut name = ptr::null_mut();
        // SAFETY: the port lives, and the function fills the pointer it is given. A port without a name is an error.
        let named = check(unsafe { ov_port_get_any_name(port, &raw mut name) });
        // SAFETY: the text is null or the library's copy for us.
        let name = named.map(|()| unsafe { take(name) }).unwrap_or_default();
        let mut element = Element::DYNAMIC;
        // SAFETY: the port lives, and the function fills the number it is given with one that this version of the
        // library knows, which `openvino-sys` declares.
        check(unsafe { ov_port_get_element_type(port, &raw mut element) })?;
        Ok(Port { name, element, shape: self.shape()? })
    }

    fn shape(&self) -> Result<Option<Vec<Option<usize>>>, Failure> {
        let none = ov_rank_t { min: 0, max: 0 };
        let mut shape = ov_partial_shape_t { rank: none, dims: ptr::null_mut() };
        // SAFETY: the port lives, and the function fills the struct it is given.
        check(unsafe { ov_port_get_partial_shape(self.0.as_ptr(), &raw mut shape) })?;
        let rank = (shape.rank.min == shape.rank.max).then(|| usize::try_from(shape.rank.max).ok()).flatten();
        let axes = rank.map(|rank| match shape.dims.is_null() {
            true => &[][..],
            // SAFETY: a shape whose rank is known has so many axes.
            false => unsafe { slice::from_raw_parts(shape.dims, rank) },
        });
        let fixed = |axis: &ov_rank_t| (axis.min == axis.max).then(|| usize::try_from(axis.max).ok()).flatten();
        let axes = axes.map(|axes| axes.iter().map(fixed).collect());
        // SAFETY: the struct was filled by the library and is not used again.
        unsafe { ov_partial_shape_free(&raw mut shape) };
        Ok(axes)
    }
}

impl Drop for PortHandle {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again.
        unsafe { ov_output_const_port_free(self.0.as_ptr()) }
    }
}
