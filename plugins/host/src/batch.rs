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

/// Bytes of text need no alignment, and a `String` seldom has any.
enum Data<'a> {
    I64(Elements<'a, i64>),
    I32(Elements<'a, i32>),
    U8(&'a [u8]),
}

/// Elements where they are, or copied to where the interface wants them.
enum Elements<'a, T> {
    Borrowed(&'a [T]),
    Copied(AlignedBuf<T>),
}

/// Where every input of numbers begins when it is run, in bytes.
const INPUT_ALIGN: usize = 64;

impl<T: Copy + Default> Elements<'_, T> {
    fn aligned(self) -> Self {
        if self.as_ptr().addr().is_multiple_of(INPUT_ALIGN) {
            return self;
        }
        let mut copy = AlignedBuf::zeroed(self.len());
        copy.copy_from_slice(&self);
        Self::Copied(copy)
    }
}

impl<T> std::ops::Deref for Elements<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Elements::Borrowed(elements) => elements,
            Elements::Copied(elements) => elements,
        }
    }
}

impl<'a> From<TokenIds<'a>> for Data<'a> {
    fn from(ids: TokenIds<'a>) -> Self {
        match ids {
            TokenIds::I64(ids) => Self::I64(Elements::Borrowed(ids)),
            TokenIds::I32(ids) => Self::I32(Elements::Borrowed(ids)),
        }
    }
}

impl<'a> InputTensors<'a> {
    /// The batch where it is: enough to be asked about.
    pub(crate) fn new(batch: &Batch<'a>) -> Self {
        let mut inputs = Vec::with_capacity(MAX_INPUTS);
        let mut push = |name, data| inputs.push(Input { name, data });
        let mut length = None;
        match batch {
            Batch::Text(text) => {
                push(Inputs::TEXT_BYTES, Data::U8(text.text().as_bytes()));
                push(Inputs::TEXT_OFFSETS, Data::I64(Elements::Borrowed(text.offsets())));
            }
            Batch::Packed(packed) => {
                push(Inputs::INPUT_IDS, packed.input_ids().into());
                push(Inputs::CU_SEQLENS, Data::I32(Elements::Borrowed(packed.cu_seqlens())));
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

    /// The batch as the interface wants it to be run; what does not begin there is copied.
    pub(crate) fn aligned(mut self) -> Self {
        let align = |data| match data {
            Data::I64(elements) => Data::I64(elements.aligned()),
            Data::I32(elements) => Data::I32(elements.aligned()),
            Data::U8(bytes) => Data::U8(bytes),
        };
        self.inputs = self.inputs.into_iter().map(|Input { name, data }| Input { name, data: align(data) }).collect();
        self
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
