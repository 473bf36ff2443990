//! OpenVINO's C interface, as little of it as a loop needs. Nothing is freed: the process ends with it.

use std::{
    ffi::{CStr, CString, c_void},
    path::Path,
    ptr, slice,
    sync::mpsc::Sender,
};

use anyhow::{Context, Result, anyhow, ensure};
use openvino_sys::{
    ov_callback_t, ov_compiled_model_create_infer_request, ov_compiled_model_input_by_name, ov_compiled_model_t,
    ov_core_compile_model_from_file_props, ov_core_create, ov_element_type_e, ov_get_last_err_msg,
    ov_infer_request_get_tensor, ov_infer_request_set_callback, ov_infer_request_set_tensor,
    ov_infer_request_start_async, ov_infer_request_t, ov_infer_request_wait, ov_property_t, ov_shape_t, ov_status_e,
    ov_tensor_create_from_host_ptr, ov_tensor_data, ov_tensor_get_element_type, ov_tensor_get_size, ov_tensor_t,
};

/// The output that is wanted.
const OUTPUT: &CStr = c"sentence_embedding";

/// A model compiled for the processor.
pub(crate) struct Compiled(*mut ov_compiled_model_t);

impl Compiled {
    /// Loads the library and compiles a file.
    pub(crate) fn new(library: &Path, graph: &Path, properties: &[(&str, String)]) -> Result<Self> {
        openvino_sys::library::load_from(library).map_err(|err| anyhow!("`{}`: {err}", library.display()))?;
        let mut core = ptr::null_mut();
        // SAFETY: the function fills the pointer it is given.
        check(unsafe { ov_core_create(&raw mut core) })?;
        let graph = CString::new(graph.to_str().context("a path that is no text")?)?;
        let texts: Vec<(CString, CString)> = properties
            .iter()
            .map(|(key, value)| Ok((CString::new(*key)?, CString::new(value.as_str())?)))
            .collect::<Result<_>>()?;
        let pairs: Vec<ov_property_t> = texts
            .iter()
            .map(|(key, value)| ov_property_t { key: key.as_ptr(), value: value.as_ptr().cast() })
            .collect();
        let mut compiled = ptr::null_mut();
        // SAFETY: core, texts and pairs live, and the function fills the pointer it is given.
        check(unsafe {
            ov_core_compile_model_from_file_props(
                core,
                graph.as_ptr(),
                c"CPU".as_ptr(),
                pairs.len(),
                pairs.as_ptr(),
                &raw mut compiled,
            )
        })?;
        Ok(Self(compiled))
    }

    /// Whether the graph has such an input.
    pub(crate) fn has_input(&self, name: &str) -> bool {
        let Ok(name) = CString::new(name) else { return false };
        let mut port = ptr::null_mut();
        // SAFETY: model and name live, and the function fills the pointer it is given.
        unsafe { ov_compiled_model_input_by_name(self.0, name.as_ptr(), &raw mut port) == ov_status_e::OK }
    }

    /// A request that sends `idx` whenever it is done.
    pub(crate) fn request(&self, idx: usize, done: &Sender<usize>) -> Result<Request> {
        let mut request = ptr::null_mut();
        // SAFETY: the model lives, and the function fills the pointer it is given.
        check(unsafe { ov_compiled_model_create_infer_request(self.0, &raw mut request) })?;
        let args: *const (usize, Sender<usize>) = Box::leak(Box::new((idx, done.clone())));
        let callback = ov_callback_t { callback_func: Some(finished), args: args.cast_mut().cast() };
        // SAFETY: the request lives, and callback and arguments live for ever.
        check(unsafe { ov_infer_request_set_callback(request, Box::leak(Box::new(callback))) })?;
        Ok(Request(request))
    }
}

unsafe extern "C" fn finished(args: *mut c_void) {
    // SAFETY: these are the arguments that were leaked for this callback, which only reads them; a sender may be used
    // by several threads.
    let (idx, done) = unsafe { &*args.cast_const().cast::<(usize, Sender<usize>)>() };
    // Nobody listens any more when the process ends.
    let _ = done.send(*idx);
}

/// A place to run the model in.
pub(crate) struct Request(*mut ov_infer_request_t);

impl Request {
    /// Begins a run and does not wait for it.
    pub(crate) fn start(&mut self, inputs: &[Input]) -> Result<()> {
        for Input { name, tensor } in inputs {
            // SAFETY: request, name and tensor live.
            check(unsafe { ov_infer_request_set_tensor(self.0, name.as_ptr(), *tensor) })?;
        }
        // SAFETY: the request lives, and the memory of its inputs is never freed.
        check(unsafe { ov_infer_request_start_async(self.0) })
    }

    /// The result of the run that was begun, row by row.
    pub(crate) fn wait(&mut self) -> Result<Vec<f32>> {
        // SAFETY: the request lives.
        check(unsafe { ov_infer_request_wait(self.0) })?;
        let (mut tensor, mut element) = (ptr::null_mut(), ov_element_type_e::DYNAMIC);
        let (mut n_numbers, mut data) = (0, ptr::null_mut());
        // SAFETY: request and tensor live, and each function fills the pointer it is given.
        unsafe {
            check(ov_infer_request_get_tensor(self.0, OUTPUT.as_ptr(), &raw mut tensor))?;
            check(ov_tensor_get_element_type(tensor, &raw mut element))?;
            check(ov_tensor_get_size(tensor, &raw mut n_numbers))?;
            check(ov_tensor_data(tensor, &raw mut data))?;
        }
        ensure!(element == ov_element_type_e::F32, "vectors are {element:?}");
        // SAFETY: the tensor has so many numbers of this type, and nothing writes to them before the next run.
        let numbers = unsafe { slice::from_raw_parts(data.cast::<f32>(), n_numbers) }.to_vec();
        // SAFETY: the handle is ours and is not used again.
        unsafe { openvino_sys::ov_tensor_free(tensor) };
        Ok(numbers)
    }
}

/// An input tensor under its name.
pub(crate) struct Input {
    name: CString,
    tensor: *mut ov_tensor_t,
}

impl Input {
    /// `values` in this shape.
    pub(crate) fn new(name: &str, values: Vec<i64>, [texts, length]: [usize; 2]) -> Result<Self> {
        ensure!(values.len() == texts * length, "`{name}` is not {texts} × {length}");
        let mut extents = [texts as i64, length as i64];
        let shape = ov_shape_t { rank: 2, dims: extents.as_mut_ptr() };
        let mut tensor = ptr::null_mut();
        let data = Box::leak(values.into_boxed_slice()).as_mut_ptr().cast();
        // SAFETY: the shape is copied, the data lives for ever and has as many numbers as the shape says, and the
        // function fills the pointer it is given.
        check(unsafe { ov_tensor_create_from_host_ptr(ov_element_type_e::I64, shape, data, &raw mut tensor) })?;
        Ok(Self { name: CString::new(name)?, tensor })
    }
}

fn check(status: ov_status_e) -> Result<()> {
    if status == ov_status_e::OK {
        return Ok(());
    }
    // SAFETY: the function takes nothing and gives null or a text.
    let message = unsafe { ov_get_last_err_msg() };
    // SAFETY: if it is not null, it is null-terminated.
    let message = (!message.is_null()).then(|| unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned());
    Err(anyhow!("OpenVINO: {status:?}: {}", message.unwrap_or_default()))
}
