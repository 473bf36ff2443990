//! The caller's buffers as the plugin's output tensors, and what the plugin made of them.

use std::{ptr, slice};

use drivetrain_contract::{OutputMut, Result};
use drivetrain_plugin_abi::{DL_CPU, DLDataType, DT_TENSOR_PLUGIN_OWNED, DtTensor};

use crate::{
    batch::{dense, tensor},
    error::broken,
};

/// Output tensors of one run. The plugin may write to all of it, so nothing in it is believed afterwards: what an
/// output must be is asked of the caller's [`OutputMut`].
pub(crate) struct OutputTensors {
    tensors: Vec<DtTensor>,
    /// What the tensors' `shape` points to.
    _shapes: Vec<Vec<i64>>,
}

impl OutputTensors {
    /// The buffers of `outputs` must stay untouched until [`OutputTensors::collect`].
    pub(crate) fn new(outputs: &mut [OutputMut<'_>]) -> Self {
        let mut shapes: Vec<Vec<i64>> =
            outputs.iter().map(|output| output.shape().iter().map(|&extent| extent as i64).collect()).collect();
        let tensors = outputs.iter_mut().zip(&mut shapes).map(|(output, shape)| lend(output, shape)).collect();
        Self { tensors, _shapes: shapes }
    }

    /// Pointers for the plugin, in the order of the outputs.
    pub(crate) fn pointers(&mut self) -> Vec<*mut DtTensor> {
        self.tensors.iter_mut().map(ptr::from_mut).collect()
    }

    /// After a run with this `outcome`: copies what lies in the plugin's own memory, and gives all of that back,
    /// whatever the outcome was.
    ///
    /// # Errors
    /// `outcome`; [`drivetrain_contract::ErrorKind::Abi`] for an output that is not what was announced.
    pub(crate) fn collect(self, plugin: &str, outputs: &mut [OutputMut<'_>], outcome: Result<()>) -> Result<()> {
        let taken = outcome.and_then(|()| {
            outputs.iter_mut().zip(&self.tensors).try_for_each(|(output, tensor)| {
                let name = output.output().name();
                take(output, tensor).map_err(|what| broken(plugin, format!("gave the output `{name}` {what}")))
            })
        });
        for tensor in self.tensors.iter().filter(|tensor| is_owned(tensor)) {
            if let Some(release) = tensor.release {
                // SAFETY: this is the one call the interface asks for; the data is not used afterwards.
                unsafe { release(tensor.release_ctx) }
            }
        }
        taken
    }
}

fn lend(output: &mut OutputMut<'_>, shape: &mut [i64]) -> DtTensor {
    let name = output.output().name();
    let data = output.data();
    let capacity = size_of_val(data) as u64;
    DtTensor { capacity, ..tensor(name, 0, dense(data.as_mut_ptr().cast(), DLDataType::F32, shape)) }
}

fn is_owned(tensor: &DtTensor) -> bool {
    tensor.flags & DT_TENSOR_PLUGIN_OWNED != 0
}

/// Copies an output out of the plugin's own memory, if that is where it is.
fn take(output: &mut OutputMut<'_>, tensor: &DtTensor) -> Result<(), &'static str> {
    check_layout(tensor, output.shape())?;
    let data: *const f32 = tensor.t.data.cast();
    let buffer = output.data();
    if buffer.is_empty() || ptr::eq(data, buffer.as_ptr()) {
        return Ok(());
    }
    if !is_owned(tensor) {
        return Err("in another buffer, without owning that");
    }
    if data.is_null() || !data.is_aligned() {
        return Err("at an address that is null or misaligned");
    }
    // SAFETY: the interface promises data of the checked shape and type until `release`. It may overlap the buffer.
    unsafe { ptr::copy(data, buffer.as_mut_ptr(), buffer.len()) };
    Ok(())
}

/// Whether the tensor is what was announced: 32-bit floats in host memory, of this shape, row-major, from the start.
fn check_layout(tensor: &DtTensor, shape: &[usize]) -> Result<(), &'static str> {
    let t = &tensor.t;
    // SAFETY: the interface promises `ndim` extents, and their number is compared before they are read.
    if usize::try_from(t.ndim) != Ok(shape.len()) || !unsafe { holds(t.shape, shape) } {
        return Err("in another shape");
    }
    // SAFETY: as above: there are as many strides as extents.
    if !t.strides.is_null() && !unsafe { holds(t.strides, &row_major(shape)) } {
        return Err("with strides that are not row-major");
    }
    if t.dtype != DLDataType::F32 {
        return Err("in another type than 32-bit float");
    }
    if t.device.device_type != DL_CPU {
        return Err("on a device instead of in host memory");
    }
    match t.byte_offset {
        0 => Ok(()),
        _ => Err("with a byte offset"),
    }
}

/// Elements from one index of an axis to the next.
fn row_major(shape: &[usize]) -> Vec<usize> {
    // The product cannot overflow where there are elements, since all of them are in one buffer.
    (1..=shape.len())
        .map(|axis| shape[axis..].iter().fold(1usize, |step, &extent| step.saturating_mul(extent)))
        .collect()
}

/// Whether there are these numbers at `first`.
///
/// # Safety
/// `first` is null, misaligned, or valid for reads of as many numbers.
unsafe fn holds(first: *const i64, expected: &[usize]) -> bool {
    if expected.is_empty() {
        return true;
    }
    if first.is_null() || !first.is_aligned() {
        return false;
    }
    // SAFETY: promised by the caller.
    let found = unsafe { slice::from_raw_parts(first, expected.len()) };
    found.iter().zip(expected).all(|(&found, &expected)| usize::try_from(found) == Ok(expected))
}
