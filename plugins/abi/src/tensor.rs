//! Tensors: DLPack's layout with a name, a size and an owner.

use core::ffi::c_void;

use crate::DtStr;

/// A device as DLPack numbers it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DLDevice {
    /// `DL_CPU` in this level of the interface.
    pub device_type: i32,
    /// Number among the devices of that type.
    pub device_id: i32,
}

/// An element type as DLPack spells it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DLDataType {
    /// `DL_INT`, `DL_UINT` or `DL_FLOAT`.
    pub code: u8,
    /// Bits of one element.
    pub bits: u8,
    /// 1.
    pub lanes: u16,
}

/// A tensor as DLPack 1.x lays it out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DLTensor {
    /// First element, aligned at least as its type wants. In `run`, inputs of numbers are 64-byte aligned; `text_bytes`
    /// begin anywhere.
    pub data: *mut c_void,
    /// Where the data is.
    pub device: DLDevice,
    /// Number of axes.
    pub ndim: i32,
    /// Element type.
    pub dtype: DLDataType,
    /// Extent of each axis.
    pub shape: *mut i64,
    /// Null in what the host hands over: row-major. A plugin may put the strides of row-major order here.
    pub strides: *mut i64,
    /// 0.
    pub byte_offset: u64,
}

/// A named tensor of one call. Inputs are borrowed for the call and must not be written.
///
/// An output comes with host memory of `capacity` bytes and the shape that `output_shape` announced. The plugin either
/// fills it, or replaces `t.data` by memory of its own, sets `DT_TENSOR_PLUGIN_OWNED` and `release`, and the host
/// copies from there if the call succeeded, and calls `release` exactly once in any case. Either way shape, type,
/// device and row-major order are those announced.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DtTensor {
    /// Size of this struct.
    pub struct_size: u32,
    /// `DT_TENSOR_*`.
    pub flags: u32,
    /// Which tensor this is, one of the names in the comments on `DT_IN_*` and `DT_OUT_*`.
    pub name: DtStr,
    /// Data, type and shape.
    pub t: DLTensor,
    /// Bytes of host memory at `t.data` (outputs).
    pub capacity: u64,
    /// Passed to `release`.
    pub release_ctx: *mut c_void,
    /// Frees a plugin-owned output.
    pub release: Option<unsafe extern "C" fn(release_ctx: *mut c_void)>,
}

impl DLDataType {
    /// 32-bit float.
    ///
    /// cbindgen:ignore
    pub const F32: Self = Self { code: crate::DL_FLOAT, bits: 32, lanes: 1 };
    /// 64-bit signed integer.
    ///
    /// cbindgen:ignore
    pub const I64: Self = Self { code: crate::DL_INT, bits: 64, lanes: 1 };
    /// 32-bit signed integer.
    ///
    /// cbindgen:ignore
    pub const I32: Self = Self { code: crate::DL_INT, bits: 32, lanes: 1 };
    /// Byte.
    ///
    /// cbindgen:ignore
    pub const U8: Self = Self { code: crate::DL_UINT, bits: 8, lanes: 1 };
}
