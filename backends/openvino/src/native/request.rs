//! A place to run a compiled model in.

use std::ptr::{self, NonNull};

use openvino_sys::{
    ov_infer_request_cancel, ov_infer_request_free, ov_infer_request_get_tensor,
    ov_infer_request_set_input_tensor_by_index, ov_infer_request_start_async, ov_infer_request_t,
    ov_infer_request_wait, ov_infer_request_wait_for,
};

use super::{Code, Failure, Input, Output, core::not_null, failure::check, text::c_text};

/// Memory and state of one run at a time.
#[derive(Debug)]
pub(crate) struct InferRequest {
    ptr: NonNull<ov_infer_request_t>,
    n_inputs: usize,
}

// SAFETY: a request may move between threads; it is not used by two at once, since running takes it mutably.
unsafe impl Send for InferRequest {}

/// How a run ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With results.
    Done,
    /// Before its end, because it was to stop.
    Stopped,
}

impl InferRequest {
    pub(super) fn new(ptr: NonNull<ov_infer_request_t>, n_inputs: usize) -> Self {
        Self { ptr, n_inputs }
    }

    /// Runs the model on the engine's own threads, and asks every `every_ms` milliseconds whether to go on.
    pub(crate) fn run(
        &mut self,
        inputs: &[Input<'_>],
        every_ms: u32,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Ended, Failure> {
        self.lend(inputs)?;
        // SAFETY: the request lives and is not running, since this borrows it mutably and waits for the end. Every
        // input was lent just now and lives until this returns; `Running` waits for the end also when `go_on` panics.
        check(unsafe { ov_infer_request_start_async(self.ptr.as_ptr()) })?;
        let running = Running(self);
        loop {
            // SAFETY: the request lives.
            let status = unsafe { ov_infer_request_wait_for(running.0.ptr.as_ptr(), every_ms.into()) };
            if status != Code::RESULT_NOT_READY {
                return check(status).map(|()| Ended::Done);
            }
            if !go_on() {
                return running.stop();
            }
        }
    }

    /// The result of the last run under this name.
    pub(crate) fn output(&self, name: &str) -> Result<Output<'_>, Failure> {
        let name = c_text(name)?;
        let mut tensor = ptr::null_mut();
        // SAFETY: the request and the name live, and the function fills the pointer it is given.
        check(unsafe { ov_infer_request_get_tensor(self.ptr.as_ptr(), name.as_ptr(), &raw mut tensor) })?;
        // SAFETY: the tensor is a handle of our own; the memory is written to by runs only, which need the request
        // mutably.
        Ok(unsafe { Output::new(not_null(tensor)?) })
    }

    /// Lends every input of the model. A request keeps pointing at the memory it was lent, also when that is gone: so
    /// all inputs are lent anew before each run, and none is looked at between runs.
    fn lend(&mut self, inputs: &[Input<'_>]) -> Result<(), Failure> {
        if inputs.len() != self.n_inputs {
            let message = format!("the model has {} inputs, given are {}", self.n_inputs, inputs.len());
            return Err(Failure::new(Code::PARAMETER_MISMATCH, message));
        }
        for (index, input) in inputs.iter().enumerate() {
            // SAFETY: the request and the tensor live.
            check(unsafe { ov_infer_request_set_input_tensor_by_index(self.ptr.as_ptr(), index, input.as_ptr()) })?;
        }
        Ok(())
    }
}

impl Drop for InferRequest {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours, is not running, and is not used again.
        unsafe { ov_infer_request_free(self.ptr.as_ptr()) }
    }
}

/// A run that was started: it has ended when this is dropped.
struct Running<'a>(&'a InferRequest);

impl Running<'_> {
    fn stop(self) -> Result<Ended, Failure> {
        let request = self.0.ptr.as_ptr();
        // SAFETY: the request lives; cancelling is allowed while it runs.
        check(unsafe { ov_infer_request_cancel(request) })?;
        // SAFETY: the request lives.
        match unsafe { ov_infer_request_wait(request) } {
            Code::OK | Code::INFER_CANCELLED => Ok(Ended::Stopped),
            status => check(status).map(|()| Ended::Stopped),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // SAFETY: the request lives. After its end this returns at once, and what it says was heard before.
        unsafe { ov_infer_request_wait(self.0.ptr.as_ptr()) };
    }
}
