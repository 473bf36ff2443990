//! Tensors: the caller's memory lent to the library, and the library's results.

use std::{
    marker::PhantomData,
    ptr::{self, NonNull},
    slice,
};

use drivetrain_contract::TokenIds;
use half::{bf16, f16};
use openvino_sys::{
    ov_shape_free, ov_shape_t, ov_tensor_create_from_host_ptr, ov_tensor_data, ov_tensor_free,
    ov_tensor_get_element_type, ov_tensor_get_shape, ov_tensor_get_size, ov_tensor_t,
};

use super::{Code, Element, Failure, core::not_null, failure::check};

/// Token ids or a mask `[size, length]`, lent to the library for one run.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    ptr: NonNull<ov_tensor_t>,
    ids: PhantomData<TokenIds<'a>>,
}

impl<'a> Input<'a> {
    /// Nothing is copied.
    pub(crate) fn new(ids: TokenIds<'a>, [size, length]: [usize; 2]) -> Result<Self, Failure> {
        if size.checked_mul(length) != Some(ids.len()) {
            return Err(Failure::new(Code::PARAMETER_MISMATCH, "an input has another size than its shape"));
        }
        let (element, data) = match ids {
            TokenIds::I64(ids) => (Element::I64, ids.as_ptr().cast_mut().cast()),
            TokenIds::I32(ids) => (Element::I32, ids.as_ptr().cast_mut().cast()),
        };
        // A slice has at most `isize::MAX` elements, so neither extent is beyond 64 signed bits.
        let mut dims = [size as i64, length as i64];
        let shape = ov_shape_t { rank: 2, dims: dims.as_mut_ptr() };
        let mut tensor = ptr::null_mut();
        // SAFETY: the shape is copied, the function fills the pointer it is given, and the data holds as many elements
        // as the shape says. Inputs are only read. The lifetime keeps the data at least until the tensor is freed; that
        // no run outlives it is the request's promise.
        check(unsafe { ov_tensor_create_from_host_ptr(element, shape, data, &raw mut tensor) })?;
        Ok(Self { ptr: not_null(tensor)?, ids: PhantomData })
    }

    pub(super) fn as_ptr(&self) -> *const ov_tensor_t {
        self.ptr.as_ptr()
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again.
        unsafe { ov_tensor_free(self.ptr.as_ptr()) }
    }
}

/// A result of a run, in the library's memory.
#[derive(Debug)]
pub(crate) struct Output<'a> {
    ptr: NonNull<ov_tensor_t>,
    request: PhantomData<&'a ()>,
}

impl Output<'_> {
    /// # Safety
    /// The tensor is owned, and its memory is not written to for the lifetime.
    pub(super) unsafe fn new(ptr: NonNull<ov_tensor_t>) -> Self {
        Self { ptr, request: PhantomData }
    }

    /// Extent of each axis.
    pub(crate) fn shape(&self) -> Result<Vec<usize>, Failure> {
        let mut shape = ov_shape_t { rank: 0, dims: ptr::null_mut() };
        // SAFETY: the tensor lives, and the function fills the struct it is given.
        check(unsafe { ov_tensor_get_shape(self.ptr.as_ptr(), &raw mut shape) })?;
        let axes = match (shape.dims.is_null(), usize::try_from(shape.rank)) {
            // SAFETY: the function succeeded, so the pointer is to `rank` numbers.
            (false, Ok(rank)) => unsafe { slice::from_raw_parts(shape.dims, rank) },
            _ => &[],
        };
        let extents = axes.iter().map(|&extent| usize::try_from(extent).unwrap_or(0)).collect();
        // SAFETY: the struct was filled by the library and is not used again.
        unsafe { ov_shape_free(&raw mut shape) };
        Ok(extents)
    }

    /// Type of the elements.
    pub(crate) fn element(&self) -> Result<Element, Failure> {
        let mut element = Element::DYNAMIC;
        // SAFETY: the tensor lives, and the function fills the number it is given with one that this version of the
        // library knows, which `openvino-sys` declares.
        check(unsafe { ov_tensor_get_element_type(self.ptr.as_ptr(), &raw mut element) })?;
        Ok(element)
    }

    /// The elements in row-major order, handed to `read` as they are stored.
    pub(crate) fn read(&self, read: impl FnOnce(Elements<'_>)) -> Result<(), Failure> {
        match self.element()? {
            // SAFETY: this is the type of the elements.
            Element::F32 => read(Elements::F32(unsafe { self.elements() }?)),
            // SAFETY: this is the type of the elements.
            Element::F16 => read(Elements::F16(unsafe { self.elements() }?)),
            // SAFETY: this is the type of the elements.
            Element::BF16 => read(Elements::Bf16(unsafe { self.elements() }?)),
            other => return Err(Failure::new(Code::PARAMETER_MISMATCH, format!("a result is {other:?}"))),
        }
        Ok(())
    }

    /// # Safety
    /// `T` is the type of the elements.
    unsafe fn elements<T>(&self) -> Result<&[T], Failure> {
        let mut n_elements = 0;
        // SAFETY: the tensor lives, and the function fills the number it is given.
        check(unsafe { ov_tensor_get_size(self.ptr.as_ptr(), &raw mut n_elements) })?;
        if n_elements == 0 {
            return Ok(&[]);
        }
        let mut data = ptr::null_mut();
        // SAFETY: the tensor lives, and the function fills the pointer it is given.
        check(unsafe { ov_tensor_data(self.ptr.as_ptr(), &raw mut data) })?;
        let data: NonNull<T> = not_null(data)?.cast();
        if !data.is_aligned() {
            return Err(Failure::new(Code::UNEXPECTED, "a result is not aligned"));
        }
        // SAFETY: the tensor holds so many elements of this type, not null and aligned; nothing writes to them while
        // the request is borrowed.
        Ok(unsafe { slice::from_raw_parts(data.as_ptr(), n_elements) })
    }
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        // SAFETY: the pointer is ours and is not used again.
        unsafe { ov_tensor_free(self.ptr.as_ptr()) }
    }
}

/// Elements of a result as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Elements<'a> {
    /// 32-bit.
    F32(&'a [f32]),
    /// 16-bit, 5 exponent bits.
    F16(&'a [f16]),
    /// 16-bit, 8 exponent bits.
    Bf16(&'a [bf16]),
}
