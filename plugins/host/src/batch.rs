//! A batch as the plugin's tensors.

use drivetrain_contract::{Batch, Inputs, TokenIds};
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
    Ids(TokenIds<'a>),
    Offsets32(&'a [i32]),
    Offsets64(&'a [i64]),
    Bytes(&'a [u8]),
}

impl<'a> InputTensors<'a> {
    pub(crate) fn new(batch: &Batch<'a>) -> Self {
        let mut inputs = Vec::with_capacity(MAX_INPUTS);
        let mut push = |name, data| inputs.push(Input { name, data });
        let mut length = None;
        match batch {
            Batch::Text(text) => {
                push(Inputs::TEXT_BYTES, Data::Bytes(text.text().as_bytes()));
                push(Inputs::TEXT_OFFSETS, Data::Offsets64(text.offsets()));
            }
            Batch::Packed(packed) => {
                push(Inputs::INPUT_IDS, Data::Ids(packed.input_ids()));
                push(Inputs::CU_SEQLENS, Data::Offsets32(packed.cu_seqlens()));
                if let Some(positions) = packed.position_ids() {
                    push(Inputs::POSITION_IDS, Data::Ids(positions));
                }
            }
            Batch::Padded(padded) => {
                length = Some(padded.length());
                padded.tensors().for_each(|(name, ids)| push(name, Data::Ids(ids)));
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
            Data::Ids(ids) => ids.len(),
            Data::Offsets32(offsets) => offsets.len(),
            Data::Offsets64(offsets) => offsets.len(),
            Data::Bytes(bytes) => bytes.len(),
        }
    }

    fn tensor(&self, shape: &mut [i64]) -> DtTensor {
        let (data, dtype) = match &self.data {
            Data::Ids(TokenIds::I64(ids)) | Data::Offsets64(ids) => (ids.as_ptr().cast::<u8>(), DLDataType::I64),
            Data::Ids(TokenIds::I32(ids)) | Data::Offsets32(ids) => (ids.as_ptr().cast(), DLDataType::I32),
            Data::Bytes(bytes) => (bytes.as_ptr(), DLDataType::U8),
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
