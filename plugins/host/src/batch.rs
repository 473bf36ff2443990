//! A batch as the plugin's tensors.

use drivetrain_contract::{AlignedBuf, Batch, Inputs, TokenIds};
use drivetrain_plugin_abi::{DL_CPU, DLDataType, DLDevice, DLTensor, DT_TENSOR_READ_ONLY, DtStr, DtTensor};

/// The most input tensors any batch has.
const MAX_INPUTS: usize = 4;

/// Input tensors that borrow a batch.
pub(crate) struct InputTensors<'a> {
    inputs: Vec<Input<'a>>,
    size: usize,
    length: Option<usize>,
}

struct Input<'a> {
    name: Inputs,
    data: Data<'a>,
}

enum Data<'a> {
    I64(Aligned<'a, i64>),
    I32(Aligned<'a, i32>),
    U8(Aligned<'a, u8>),
}

/// Elements that begin where the interface promises: as they are, or copied there.
enum Aligned<'a, T> {
    Borrowed(&'a [T]),
    Copied(AlignedBuf<T>),
}

/// Where every input begins, in bytes.
const INPUT_ALIGN: usize = 64;

impl<'a, T: Copy + Default> Aligned<'a, T> {
    fn new(elements: &'a [T]) -> Self {
        if elements.as_ptr().addr().is_multiple_of(INPUT_ALIGN) {
            return Self::Borrowed(elements);
        }
        let mut copy = AlignedBuf::zeroed(elements.len());
        copy.copy_from_slice(elements);
        Self::Copied(copy)
    }
}

impl<T> std::ops::Deref for Aligned<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Aligned::Borrowed(elements) => elements,
            Aligned::Copied(elements) => elements,
        }
    }
}

impl<'a> From<TokenIds<'a>> for Data<'a> {
    fn from(ids: TokenIds<'a>) -> Self {
        match ids {
            TokenIds::I64(ids) => Self::I64(Aligned::new(ids)),
            TokenIds::I32(ids) => Self::I32(Aligned::new(ids)),
        }
    }
}

impl<'a> InputTensors<'a> {
    pub(crate) fn new(batch: &Batch<'a>) -> Self {
        let mut inputs = Vec::with_capacity(MAX_INPUTS);
        let mut push = |name, data| inputs.push(Input { name, data });
        let mut length = None;
        match batch {
            Batch::Text(text) => {
                push(Inputs::TEXT_BYTES, Data::U8(Aligned::new(text.text().as_bytes())));
                push(Inputs::TEXT_OFFSETS, Data::I64(Aligned::new(text.offsets())));
            }
            Batch::Packed(packed) => {
                push(Inputs::INPUT_IDS, packed.input_ids().into());
                push(Inputs::CU_SEQLENS, Data::I32(Aligned::new(packed.cu_seqlens())));
                if let Some(positions) = packed.position_ids() {
                    push(Inputs::POSITION_IDS, positions.into());
                }
            }
            Batch::Padded(padded) => {
                length = Some(padded.length());
                padded.tensors().for_each(|(name, ids)| push(name, ids.into()));
            }
        }
        Self { inputs, size: batch.size(), length }
    }

    /// Calls `body` with the tensors, which live for that call.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&[*const DtTensor]) -> R) -> R {
        let mut shapes: Vec<Vec<i64>> = self.inputs.iter().map(|input| self.shape(input)).collect();
        let tensors: Vec<DtTensor> =
            self.inputs.iter().zip(&mut shapes).map(|(input, shape)| input.tensor(shape)).collect();
        let pointers: Vec<*const DtTensor> = tensors.iter().map(std::ptr::from_ref).collect();
        body(&pointers)
    }

    fn shape(&self, input: &Input<'_>) -> Vec<i64> {
        match self.length {
            Some(length) => vec![self.size as i64, length as i64],
            None => vec![input.len() as i64],
        }
    }
}

impl Input<'_> {
    fn len(&self) -> usize {
        match &self.data {
            Data::I64(elements) => elements.len(),
            Data::I32(elements) => elements.len(),
            Data::U8(elements) => elements.len(),
        }
    }

    fn tensor(&self, shape: &mut [i64]) -> DtTensor {
        let (data, dtype) = match &self.data {
            Data::I64(elements) => (elements.as_ptr().cast::<u8>(), DLDataType::I64),
            Data::I32(elements) => (elements.as_ptr().cast(), DLDataType::I32),
            Data::U8(elements) => (elements.as_ptr(), DLDataType::U8),
        };
        tensor(self.name.name(), DT_TENSOR_READ_ONLY, dense(data.cast_mut(), dtype, shape))
    }
}

/// A tensor without capacity or owner.
pub(crate) fn tensor(name: &'static str, flags: u32, t: DLTensor) -> DtTensor {
    DtTensor {
        struct_size: size_of::<DtTensor>() as u32,
        flags,
        name: DtStr::new(name),
        t,
        capacity: 0,
        release_ctx: std::ptr::null_mut(),
        release: None,
    }
}

/// Row-major data in host memory.
pub(crate) fn dense(data: *mut u8, dtype: DLDataType, shape: &mut [i64]) -> DLTensor {
    DLTensor {
        data: data.cast(),
        device: DLDevice { device_type: DL_CPU, device_id: 0 },
        ndim: shape.len() as i32,
        dtype,
        shape: shape.as_mut_ptr(),
        strides: std::ptr::null_mut(),
        byte_offset: 0,
    }
}
