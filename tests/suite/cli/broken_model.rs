//! Ways to break a copy of a model.

use std::{borrow::Cow, collections::BTreeMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors, View};

/// A tensor that can be changed.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) data: Vec<u8>,
}

impl View for &Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}

/// Changes the tensors of a model's `model.safetensors`.
pub(super) fn change_tensors(model: &Path, change: impl FnOnce(&mut BTreeMap<String, Stored>)) {
    let path = model.join("model.safetensors");
    let bytes = fs::read(&path).expect("weights");
    let file = SafeTensors::deserialize(&bytes).expect("whole weights");
    let stored = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        (name, Stored { dtype: view.dtype(), shape: view.shape().to_vec(), data: view.data().to_vec() })
    };
    let mut tensors: BTreeMap<String, Stored> = file.tensors().into_iter().map(stored).collect();
    change(&mut tensors);
    let bytes = safetensors::serialize(&tensors, None).expect("a file");
    fs::write(&path, bytes).expect("weights");
}

/// Puts a NaN into the first number of a tensor of 32-bit floats.
pub(super) fn put_nan(tensor: &mut Stored) {
    assert_eq!(tensor.dtype, Dtype::F32);
    tensor.data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
}

/// Keeps the first `length` bytes of a file.
pub(super) fn cut(path: &Path, length: impl FnOnce(usize) -> usize) {
    let bytes = fs::read(path).expect("a file");
    fs::write(path, &bytes[..length(bytes.len())]).expect("a file");
}
