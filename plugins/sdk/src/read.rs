//! The host's structs, read into the contract's types. Sizes, names and types are checked on the way.

use std::{num::NonZeroUsize, slice, str};

use drivetrain_contract::{
    Artifact, ArtifactData, Batch, Error, ErrorKind, Model, PackedBatch, PaddedBatch, Precision, Precisions, Result,
    SessionGroup, SessionOptions, TextBatch, TokenIds,
};
use drivetrain_plugin_abi::{DLDataType, DtArtifact, DtModel, DtSessionDesc, DtStr, DtTensor};

use crate::sized;

/// # Safety
/// `text` is valid for reads while the result is in use.
pub(crate) unsafe fn text<'a>(text: DtStr, what: &str) -> Result<&'a str> {
    if text.len == 0 {
        return Ok("");
    }
    if text.ptr.is_null() {
        return Err(broken(format!("`{what}` is null")));
    }
    // SAFETY: promised by the caller; neither null nor empty.
    let bytes = unsafe { slice::from_raw_parts(text.ptr.cast(), text.len) };
    str::from_utf8(bytes).map_err(|err| broken(format!("`{what}` is not UTF-8")).with_source(err))
}

/// # Safety
/// `model` and everything it points to is valid for reads during the call, bytes in memory for the life of the process.
pub(crate) unsafe fn model(model: *const DtModel) -> Result<Model> {
    // SAFETY: promised by the caller, here and for every read below.
    let raw = unsafe { sized::read(model) }?;
    // SAFETY: the host promises `n_artifacts` pointers.
    let pointers = unsafe { elements(raw.artifacts, raw.n_artifacts as usize) };
    let artifacts = pointers
        .iter()
        // SAFETY: each points to an artifact that is valid during the call.
        .map(|&pointer| unsafe { artifact(pointer) })
        .collect::<Result<_>>()?;
    // SAFETY: as above.
    let description_json = unsafe { text(raw.description_json, "description_json") }?.to_owned();
    Ok(Model { artifacts, description_json })
}

/// # Safety
/// As [`model`].
unsafe fn artifact(artifact: *const DtArtifact) -> Result<Artifact> {
    // SAFETY: promised by the caller.
    let raw = unsafe { sized::read(artifact) }?;
    // SAFETY: as above.
    let (format, path) = unsafe { (text(raw.format, "format")?, text(raw.path, "path")?) };
    let data = if raw.data.ptr.is_null() {
        ArtifactData::Path(path.into())
    } else {
        // SAFETY: the interface promises that bytes in memory stay for the life of the process.
        ArtifactData::Static(unsafe { slice::from_raw_parts(raw.data.ptr, raw.data.len) })
    };
    Ok(Artifact { format: format.to_owned(), precision: precision(raw.precision)?, data })
}

/// # Safety
/// `desc` and everything it points to is valid for reads during the call.
pub(crate) unsafe fn session_options(desc: *const DtSessionDesc) -> Result<SessionOptions> {
    // SAFETY: promised by the caller.
    let raw = unsafe { sized::read(desc) }?;
    let threads = NonZeroUsize::new(raw.threads as usize).ok_or_else(|| broken("`threads` is 0"))?;
    // SAFETY: as above.
    let (device_id, config_json, cache_dir, cpu_list) = unsafe {
        (
            text(raw.device_id, "device_id")?,
            text(raw.config_json, "config_json")?,
            text(raw.cache_dir, "cache_dir")?,
            elements(raw.cpu_list, raw.n_cpu),
        )
    };
    Ok(SessionOptions {
        precision: precision(raw.precision)?,
        may_spin: raw.may_spin != 0,
        cpu_list: cpu_list.to_vec(),
        config_json: config_json.to_owned(),
        cache_dir: (!cache_dir.is_empty()).then(|| cache_dir.into()),
        max_batch: raw.max_batch as usize,
        max_tokens: raw.max_tokens as usize,
        memory_limit: raw.memory_limit,
        group: SessionGroup::new(raw.group_sessions as usize, raw.group_threads as usize),
        ..SessionOptions::new(device_id, threads)
    })
}

/// # Safety
/// `inputs` points to `n_inputs` tensors that are valid for reads while the batch is in use.
pub(crate) unsafe fn batch<'a>(inputs: *const *const DtTensor, n_inputs: usize) -> Result<Batch<'a>> {
    // SAFETY: promised by the caller, here and for every read below.
    let pointers = unsafe { elements(inputs, n_inputs) };
    // SAFETY: as above.
    let named = unsafe { Tensors::read(pointers) }?;
    if let Some(bytes) = named.get("text_bytes") {
        // SAFETY: as above.
        let (bytes, offsets) =
            unsafe { (data::<u8>(bytes, DLDataType::U8)?, data::<i64>(named.need("text_offsets")?, DLDataType::I64)?) };
        let text = str::from_utf8(bytes).map_err(|err| Error::invalid("`text_bytes` is not UTF-8").with_source(err))?;
        return Ok(Batch::Text(TextBatch::new(text, offsets)?));
    }
    let ids = named.need("input_ids")?;
    let positions = named.get("position_ids").map(|tensor| {
        // SAFETY: as above.
        unsafe { token_ids(tensor) }
    });
    // SAFETY: as above.
    let input_ids = unsafe { token_ids(ids) }?;
    if let Some(offsets) = named.get("cu_seqlens") {
        // SAFETY: as above.
        let offsets = unsafe { data::<i32>(offsets, DLDataType::I32) }?;
        return Ok(Batch::Packed(PackedBatch::new(input_ids, offsets, positions.transpose()?)?));
    }
    let [size, length] = shape(ids)?[..] else { return Err(broken("`input_ids` must have two axes")) };
    // SAFETY: as above.
    let mask = unsafe { token_ids(named.need("attention_mask")?) }?;
    let mut padded = PaddedBatch::new(size, length, input_ids, mask)?;
    if let Some(tensor) = named.get("token_type_ids") {
        // SAFETY: as above.
        padded = padded.with_token_type_ids(unsafe { token_ids(tensor) }?)?;
    }
    if let Some(positions) = positions {
        padded = padded.with_position_ids(positions?)?;
    }
    Ok(Batch::Padded(padded))
}

/// Extents of a tensor, row-major.
pub(crate) fn shape(tensor: &DtTensor) -> Result<Vec<usize>> {
    if !tensor.t.strides.is_null() || tensor.t.byte_offset != 0 {
        return Err(broken("tensors must be row-major without an offset"));
    }
    let n_axes = usize::try_from(tensor.t.ndim).map_err(|_| broken("a tensor has a negative number of axes"))?;
    // SAFETY: the host promises `ndim` extents for the duration of the call.
    let extents = unsafe { elements(tensor.t.shape.cast_const(), n_axes) };
    extents
        .iter()
        .map(|&extent| usize::try_from(extent).map_err(|_| broken("a tensor has a negative extent")))
        .collect()
}

/// Number of elements, checked against overflow.
pub(crate) fn element_count(shape: &[usize]) -> Result<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, &extent| count.checked_mul(extent))
        .ok_or_else(|| broken("a tensor has more elements than memory has bytes"))
}

/// An error for a host that breaks the interface.
pub(crate) fn broken(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Abi, message)
}

struct Tensors<'a>(Vec<(&'a str, DtTensor)>);

impl<'a> Tensors<'a> {
    /// # Safety
    /// Every pointer is valid for reads while the result is in use.
    unsafe fn read(pointers: &[*const DtTensor]) -> Result<Self> {
        let read = |&pointer: &*const DtTensor| {
            // SAFETY: promised by the caller.
            let tensor = unsafe { sized::read(pointer) }?;
            // SAFETY: as above.
            Ok((unsafe { text(tensor.name, "name") }?, tensor))
        };
        pointers.iter().map(read).collect::<Result<_>>().map(Self)
    }

    fn get(&self, name: &str) -> Option<&DtTensor> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, tensor)| tensor)
    }

    fn need(&self, name: &str) -> Result<&DtTensor> {
        self.get(name).ok_or_else(|| Error::invalid(format!("the input `{name}` is missing")))
    }
}

/// # Safety
/// The tensor's data is valid for reads while the result is in use.
unsafe fn token_ids<'a>(tensor: &DtTensor) -> Result<TokenIds<'a>> {
    // SAFETY: promised by the caller.
    unsafe {
        match tensor.t.dtype {
            DLDataType::I64 => Ok(TokenIds::I64(data(tensor, DLDataType::I64)?)),
            _ => Ok(TokenIds::I32(data(tensor, DLDataType::I32)?)),
        }
    }
}

/// # Safety
/// The tensor's data is valid for reads while the result is in use, and `T` is the type `dtype` stands for.
unsafe fn data<'a, T>(tensor: &DtTensor, dtype: DLDataType) -> Result<&'a [T]> {
    if tensor.t.dtype != dtype {
        return Err(broken(format!("a tensor has the element type {:?}, not {dtype:?}", tensor.t.dtype)));
    }
    let count = element_count(&shape(tensor)?)?;
    if count != 0 && !tensor.t.data.cast::<T>().is_aligned() {
        return Err(broken("a tensor's data is not aligned"));
    }
    // SAFETY: promised by the caller.
    Ok(unsafe { elements(tensor.t.data.cast_const().cast(), count) })
}

/// # Safety
/// `first` points to `count` elements that live as long as the result, or `count` is 0.
unsafe fn elements<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if count == 0 || first.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller; neither null nor empty.
    unsafe { slice::from_raw_parts(first, count) }
}

fn precision(bits: u64) -> Result<Precision> {
    Precision::from_set(Precisions::from_bits_retain(bits))
        .ok_or_else(|| Error::unsupported(format!("precision {bits:#x} is not known to this plugin")))
}
