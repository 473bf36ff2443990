//! The one unsafe module: weights as tensors, in mapped files where they can stay as they are stored.

use std::{fs::File, sync::Arc};

use drivetrain_contract::{Error, Result};
use drivetrain_package::Dtype;
use memmap2::Mmap;
use tch::{Device, Kind, Tensor};

use crate::error;

/// A file that is mapped for as long as a tensor lies in it.
#[derive(Debug)]
pub(crate) struct Mapped(Mmap);

/// A tensor that is only read, with whatever its numbers lie in.
#[derive(Debug)]
pub(crate) struct Weight {
    // Dropped before what it points into.
    tensor: Tensor,
    storage: Option<Arc<Mapped>>,
}

/// A tensor as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    /// Type of the numbers.
    pub(crate) dtype: Dtype,
    /// Extents.
    pub(crate) shape: &'a [usize],
    /// Name, for messages.
    pub(crate) name: &'a str,
}

impl Mapped {
    /// Maps a file.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(file: &File) -> std::io::Result<Self> {
        // SAFETY: the map is private and read-only. Nobody can promise that no other program shortens the file; who
        // replaces a model's files while it runs must rename new ones into place, as every downloader does.
        unsafe { Mmap::map(file) }.map(Self)
    }

    /// The bytes of one tensor, if they lie in the file.
    pub(crate) fn bytes(&self, offset: u64, n_bytes: u64) -> Option<&[u8]> {
        let start = usize::try_from(offset).ok()?;
        self.0.get(start..start.checked_add(usize::try_from(n_bytes).ok()?)?)
    }
}

impl Weight {
    /// The tensor, for computing.
    pub(crate) fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Another handle of the same numbers.
    pub(crate) fn share(&self) -> Self {
        Self { tensor: self.tensor.shallow_clone(), storage: self.storage.clone() }
    }

    /// Whether its numbers lie in a mapped file.
    pub(crate) fn is_mapped(&self) -> bool {
        self.storage.is_some()
    }

    /// Bytes of its numbers.
    pub(crate) fn n_bytes(&self) -> u64 {
        let n_bytes = self.tensor.f_kind().map_or(0, Kind::elt_size_in_bytes);
        (self.tensor.numel() as u64).saturating_mul(n_bytes as u64)
    }

    /// The tensor that lies at `offset` of a mapped file; `None` where it cannot be computed with as it lies.
    pub(crate) fn in_file(
        file: &Arc<Mapped>,
        (offset, n_bytes): (u64, u64),
        stored: Stored<'_>,
    ) -> Result<Option<Self>> {
        let bytes = file.bytes(offset, n_bytes).ok_or_else(|| {
            Error::model(format!("tensor `{}` lies beyond the end of its file", stored.name))
                .with_hint("fetch the file again")
        })?;
        // SAFETY: the map lives for as long as this weight, which holds it, and the shared handles, which hold it too.
        let tensor = unsafe { view(bytes, stored) }?;
        Ok(tensor.map(|tensor| Self { tensor, storage: Some(Arc::clone(file)) }))
    }

    /// A tensor that has its numbers to itself.
    pub(crate) fn owned(tensor: Tensor) -> Self {
        Self { tensor, storage: None }
    }
}

/// A tensor over bytes that stay where they are; `None` where they do not lie as the processor wants them.
///
/// # Safety
/// The bytes must stay valid and unchanged for as long as the tensor or any handle made of it is used.
unsafe fn view(bytes: &[u8], stored: Stored<'_>) -> Result<Option<Tensor>> {
    let kind = float_kind(stored)?;
    let shape = shape(stored)?;
    let n_bytes =
        stored.shape.iter().try_fold(kind.elt_size_in_bytes(), |n_bytes, &extent| n_bytes.checked_mul(extent));
    if n_bytes != Some(bytes.len()) {
        return Err(Error::model(format!("tensor `{}` has another size than its shape says", stored.name)));
    }
    if bytes.as_ptr().align_offset(kind.elt_size_in_bytes()) != 0 {
        return Ok(None);
    }
    // SAFETY: as many bytes as the shape needs, aligned; that they stay is the caller's promise. An empty list of
    // strides is row-major. Nothing in this crate writes to a weight.
    unsafe { Tensor::f_from_blob(bytes.as_ptr(), &shape, &strides(&shape), kind, Device::Cpu) }
        .map(Some)
        .map_err(|err| error::load(stored.name, err))
}

fn strides(shape: &[i64]) -> Vec<i64> {
    let mut strides = vec![1_i64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// The extents as libtorch counts them.
pub(crate) fn shape(stored: Stored<'_>) -> Result<Vec<i64>> {
    let extents = stored.shape.iter().map(|&extent| i64::try_from(extent));
    extents
        .collect::<Result<_, _>>()
        .map_err(|err| Error::model(format!("tensor `{}` has an absurd shape", stored.name)).with_source(err))
}

/// What libtorch calls a stored type of floats.
pub(crate) fn float_kind(stored: Stored<'_>) -> Result<Kind> {
    match stored.dtype {
        Dtype::F32 => Ok(Kind::Float),
        Dtype::F16 => Ok(Kind::Half),
        Dtype::BF16 => Ok(Kind::BFloat16),
        Dtype::F64 => Ok(Kind::Double),
        other => {
            Err(Error::unsupported(format!("tensor `{}` holds {other} numbers, where floats are needed", stored.name)))
        }
    }
}
