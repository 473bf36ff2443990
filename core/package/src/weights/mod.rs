//! Tensors of one or more files of weights, read by position, never whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::File,
};

use drivetrain_contract::{Error, ErrorKind, Result};
pub use safetensors::Dtype;

use crate::{
    Files,
    json::{Fields, inner_path, join},
};

mod archive;
mod decode;
mod header;
mod pickle;
mod scattered;
mod source;
#[cfg(test)]
mod tests;
mod torch;

use header::Located;
use source::Source;

/// Bytes that are decoded at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Most tensors, axes of a tensor and bytes of its name: many times what any model has. What is read of a file that
/// says more than that could fill the memory.
const MOST_TENSORS: usize = 1 << 17;
const MOST_AXES: usize = 16;
const MOST_NAME_BYTES: usize = 1 << 10;

/// Tensors of one or more files of weights, read by position, never whole.
///
/// Files are safetensors, or what `torch.save` writes of a dictionary of tensors since torch 1.6 (`pytorch_model.bin`);
/// nothing in the latter is executed. Opening reads and checks the headers only. Reading takes `&self`, from any
/// thread.
#[derive(Debug)]
pub struct Weights {
    label: String,
    sources: Vec<Source>,
    tensors: BTreeMap<String, Tensor>,
}

/// Type and shape of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Type of the elements as stored.
    pub dtype: Dtype,
    /// Extent of each axis, row-major.
    pub shape: Vec<usize>,
}

/// Where a tensor's bytes are, row-major and little-endian, for those who map files.
#[derive(Clone, Copy, Debug)]
pub enum TensorPlace<'a> {
    /// In a file that was long enough when it was opened.
    File {
        /// The file.
        file: &'a File,
        /// The first byte.
        offset: u64,
        /// Number of bytes.
        n_bytes: u64,
    },
    /// In memory for the life of the process.
    Memory(&'static [u8]),
    /// In a file, but not row by row without gaps: [`Weights::read_raw`] and the others put it together.
    Scattered,
}

impl TensorInfo {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

#[derive(Debug)]
struct Tensor {
    source: usize,
    located: Located,
}

impl Weights {
    /// Opens `rel`, or the files that the index `<rel>.index.json` beside it names when there is no such file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is neither, [`ErrorKind::Model`]
    /// when a header is broken, disagrees with the length of its file, or the index with the headers.
    pub fn open(files: &Files, rel: &str) -> Result<Self> {
        let index = format!("{rel}.index.json");
        if !files.exists(rel) && files.exists(&index) {
            return Self::open_sharded(files, &index);
        }
        let mut weights = Self { label: files.label(rel), sources: Vec::new(), tensors: BTreeMap::new() };
        weights.add(Source::open(files, rel)?)?;
        Ok(weights)
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Type and shape of a tensor.
    pub fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|tensor| &tensor.located.info)
    }

    /// Type and shape of a tensor that must exist and have this shape.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] that names the file and similar names, or both shapes.
    pub fn require(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo> {
        let info = &self.find(name)?.located.info;
        if info.shape != shape {
            let message = format!("tensor `{name}` in `{}` has shape {:?}, not {shape:?}", self.label, info.shape);
            return Err(Error::model(message).with_hint("config.json and the weights must be of the same model"));
        }
        Ok(info)
    }

    /// Reads a whole tensor as 32-bit floats; `out` is emptied first.
    ///
    /// Stored types: f32, f16, bf16, f64 and i8 (the integers themselves, unscaled).
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there is no such tensor or a number in it is NaN, infinite or
    /// beyond 32-bit floats, which names tensor and index; [`ErrorKind::Unsupported`] for another
    /// stored type; [`ErrorKind::OutOfMemory`] when it does not fit; [`ErrorKind::Io`] when reading fails.
    pub fn read_f32(&self, name: &str, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        let n_elements = self.find(name)?.located.info.elements();
        out.try_reserve_exact(n_elements).map_err(|err| self.too_large(name).with_source(err))?;
        self.for_each_chunk(name, usize::MAX, &mut |chunk| {
            out.extend_from_slice(chunk);
            Ok(())
        })
    }

    /// Reads a tensor as 32-bit floats in pieces of at most `max_elements` (and at most about a MiB), in order.
    ///
    /// # Errors
    /// As for [`Self::read_f32`]; [`ErrorKind::Invalid`] when `max_elements` is 0; whatever `f`
    /// returns.
    pub fn for_each_chunk(
        &self,
        name: &str,
        max_elements: usize,
        f: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        if max_elements == 0 {
            return Err(Error::invalid("tensors cannot be read in pieces of `max_elements` 0"));
        }
        let Tensor { source, located } = self.find(name)?;
        let source = &self.sources[*source];
        // Rounded up to a byte: types below that size are refused when the first piece is decoded.
        let element_bytes = located.info.dtype.bitsize().div_ceil(8);
        let piece_bytes = max_elements.min(CHUNK_BYTES / element_bytes) * element_bytes;
        let gathered = self.gathered(name)?;
        let total = gathered.as_ref().map_or(located.n_bytes, |bytes| bytes.len() as u64);
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let (mut done, mut n_elements) = (0, 0);
        while done < total {
            let n_bytes = (total - done).min(piece_bytes as u64);
            bytes.resize(n_bytes as usize, 0);
            match &gathered {
                Some(gathered) => bytes.copy_from_slice(&gathered[done as usize..][..n_bytes as usize]),
                None => source.read_at(&mut bytes, located.offset + done)?,
            }
            numbers.clear();
            decode::append_f32(located.info.dtype, &bytes, &mut numbers).map_err(|err| {
                Error::unsupported(format!("tensor `{name}` in `{}`", source.label())).with_source(err)
            })?;
            if let Some(idx) = numbers.iter().position(|number| !number.is_finite()) {
                return Err(not_finite(name, source, n_elements + idx, numbers[idx]));
            }
            f(&numbers)?;
            done += n_bytes;
            n_elements += numbers.len();
        }
        Ok(())
    }

    /// Reads a tensor's bytes as they are stored: row-major, little-endian.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there is no such tensor, [`ErrorKind::OutOfMemory`] when it does not fit,
    /// [`ErrorKind::Io`] when reading fails.
    pub fn read_raw(&self, name: &str) -> Result<Vec<u8>> {
        if let Some(gathered) = self.gathered(name)? {
            return Ok(gathered);
        }
        let Tensor { source, located } = self.find(name)?;
        let n_bytes = usize::try_from(located.n_bytes).map_err(|err| self.too_large(name).with_source(err))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(n_bytes).map_err(|err| self.too_large(name).with_source(err))?;
        bytes.resize(n_bytes, 0);
        self.sources[*source].read_at(&mut bytes, located.offset)?;
        Ok(bytes)
    }

    /// Where a tensor's bytes are.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when there is no such tensor.
    pub fn place(&self, name: &str) -> Result<TensorPlace<'_>> {
        let Tensor { source, located } = self.find(name)?;
        Ok(match located.strides {
            Some(_) => TensorPlace::Scattered,
            None => self.sources[*source].place(located.offset, located.n_bytes),
        })
    }

    /// What messages call these weights: the path of the file or index.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The type that most bytes are stored in.
    pub(crate) fn main_dtype(&self) -> Option<Dtype> {
        let mut sizes = BTreeMap::<Dtype, u64>::new();
        for tensor in self.tensors.values() {
            *sizes.entry(tensor.located.info.dtype).or_default() += tensor.located.n_bytes;
        }
        sizes.into_iter().max_by_key(|(_, n_bytes)| *n_bytes).map(|(dtype, _)| dtype)
    }

    fn open_sharded(files: &Files, index: &str) -> Result<Self> {
        let label = files.label(index);
        let value = files.read_json(index)?.unwrap_or_default();
        let weight_map = Fields::new(label.clone(), &value)?.object("weight_map")?;
        let folder = index.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut shards = BTreeSet::new();
        for (_, shard) in weight_map.iter() {
            let name = shard.as_str().ok_or_else(|| weight_map.problem("weight_map", "must hold file names"))?;
            shards.insert(join(folder, &inner_path(name, &label)?));
        }
        let mut weights = Self { label, sources: Vec::new(), tensors: BTreeMap::new() };
        for shard in shards {
            weights.add(Source::open(files, &shard)?)?;
        }
        match weight_map.iter().find(|(name, _)| !weights.tensors.contains_key(*name)) {
            Some((name, _)) => Err(weight_map.problem("weight_map", &format!("lists `{name}`, which no file holds"))),
            None => Ok(weights),
        }
    }

    fn add(&mut self, source: Source) -> Result<()> {
        let idx = self.sources.len();
        let tensors = if torch::is_torch(&source)? { torch::read(&source)? } else { header::read(&source)? };
        for (name, located) in tensors {
            if self.tensors.contains_key(&name) {
                return Err(Error::model(format!("tensor `{name}` is in `{}` and in another file", source.label())));
            }
            self.tensors.insert(name, Tensor { source: idx, located });
        }
        if self.tensors.len() > MOST_TENSORS {
            return Err(Error::model(format!("`{}` holds more than {MOST_TENSORS} tensors", self.label)));
        }
        self.sources.push(source);
        Ok(())
    }

    /// The bytes of a tensor that does not lie in one piece, row by row; `None` for any other.
    fn gathered(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Tensor { source, located } = self.find(name)?;
        let Some(strides) = &located.strides else { return Ok(None) };
        let gathered = scattered::gather(&self.sources[*source], located, strides)?;
        gathered.map(Some).ok_or_else(|| self.too_large(name))
    }

    fn too_large(&self, name: &str) -> Error {
        let message = format!("tensor `{name}` in `{}` does not fit in memory", self.label);
        Error::new(ErrorKind::OutOfMemory, message)
    }

    fn find(&self, name: &str) -> Result<&Tensor> {
        self.tensors.get(name).ok_or_else(|| {
            let err = Error::model(format!("there is no tensor `{name}` in `{}`", self.label));
            let near = self.near(name);
            if near.is_empty() { err } else { err.with_hint(format!("similar names: {near}")) }
        })
    }

    /// Up to three names that share the most with `name` at both ends, where prefixes and numbers differ between
    /// exports of one architecture.
    fn near(&self, name: &str) -> String {
        let shared = |other: &str| {
            let head = name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
            let tail = name.bytes().rev().zip(other.bytes().rev()).take_while(|(a, b)| a == b).count();
            head + tail
        };
        let mut names: Vec<(usize, &str)> = self.names().map(|other| (shared(other), other)).collect();
        names.retain(|(shared, _)| *shared * 2 >= name.len());
        names.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
        let names: Vec<String> = names.iter().take(3).map(|(_, other)| format!("`{other}`")).collect();
        names.join(", ")
    }
}

/// Number of elements of a shape; `None` where its extents cannot be multiplied in any order.
fn n_elements(shape: impl Iterator<Item = u64>) -> Option<u64> {
    let (mut product, mut has_zero) = (1u64, false);
    for extent in shape {
        has_zero |= extent == 0;
        product = product.checked_mul(extent.max(1))?;
    }
    Some(if has_zero { 0 } else { product })
}

fn not_finite(name: &str, source: &Source, idx: usize, number: impl fmt::Display) -> Error {
    Error::model(format!("tensor `{name}` in `{}` holds {number} at index {idx}", source.label()))
        .with_hint("the weights are damaged: fetch or save them again")
}
