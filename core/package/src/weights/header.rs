//! The header of a safetensors file, checked against the file it heads.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. Eight bytes give the header's length N (little-endian),
//! N bytes of JSON follow, then the tensors' bytes without holes, to the end of the file.

use std::{collections::BTreeMap, fmt};

use drivetrain_contract::{Error, Result};
use safetensors::Dtype;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};

use super::{TensorInfo, source::Source};

/// Bytes before the header.
const LENGTH_BYTES: u64 = 8;

/// Longest header, as in the reference implementation.
const MAX_HEADER: u64 = 100_000_000;

/// A tensor and where its bytes are in its file.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    pub(crate) info: TensorInfo,
    pub(crate) offset: u64,
    /// From its first number to its last.
    pub(crate) n_bytes: u64,
    /// Elements between neighbours along each axis, where the numbers do not lie row by row without gaps.
    pub(crate) strides: Option<Vec<u64>>,
}

/// The header's tensors; its `__metadata__` says nothing that is needed.
struct Header(BTreeMap<String, Entry>);

#[derive(Deserialize)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Takes the entries one by one: `#[serde(flatten)]` would hold a copy of the whole header, at many times its size.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member per tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let entry = map.next_value()?;
            if tensors.insert(name, entry).is_some() {
                return Err(A::Error::custom("a tensor is listed twice"));
            }
        }
        Ok(Header(tensors))
    }
}

/// Reads the header and checks every tensor against its neighbours and the length of the file.
pub(crate) fn read(source: &Source) -> Result<BTreeMap<String, Located>> {
    let json = read_json(source)?;
    let Header(tensors) = serde_json::from_slice(&json)
        .map_err(|err| broken(source, "its header is not the JSON it should be").with_source(err))?;
    let data_start = LENGTH_BYTES + json.len() as u64;
    check_layout(source, &tensors, data_start)?;
    let locate = |(name, entry): (String, Entry)| {
        let (begin, end) = entry.data_offsets;
        let info = TensorInfo { dtype: entry.dtype, shape: entry.shape };
        (name, Located { info, offset: data_start + begin, n_bytes: end - begin, strides: None })
    };
    Ok(tensors.into_iter().map(locate).collect())
}

fn read_json(source: &Source) -> Result<Vec<u8>> {
    if source.length() < LENGTH_BYTES {
        return Err(broken(source, &format!("it has {} bytes", source.length())));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    source.read_at(&mut length, 0)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER {
        return Err(broken(source, &format!("its header would have {length} bytes")));
    }
    if length > source.length() - LENGTH_BYTES {
        return Err(truncated(source, LENGTH_BYTES + length));
    }
    let mut json = vec![0; length as usize];
    source.read_at(&mut json, LENGTH_BYTES)?;
    Ok(json)
}

fn check_layout(source: &Source, tensors: &BTreeMap<String, Entry>, data_start: u64) -> Result<()> {
    let mut in_order: Vec<(&String, &Entry)> = tensors.iter().collect();
    in_order.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut position = 0;
    for (name, entry) in in_order {
        let (begin, end) = entry.data_offsets;
        if begin != position || end < begin {
            let problem = format!("tensor `{name}` is said to lie at {begin}..{end}, where {position} must come next");
            return Err(broken(source, &problem));
        }
        if n_bytes(entry) != Some(end - begin) {
            let (shape, found) = (&entry.shape, end - begin);
            let problem = format!("tensor `{name}` of shape {shape:?} and type {} has {found} bytes", entry.dtype);
            return Err(broken(source, &problem));
        }
        position = end;
    }
    let needed = position.checked_add(data_start).ok_or_else(|| truncated(source, u64::MAX))?;
    match source.length() {
        found if found < needed => Err(truncated(source, needed)),
        found if found > needed => {
            Err(broken(source, &format!("its tensors end at byte {needed}, the file at byte {found}")))
        }
        _ => Ok(()),
    }
}

fn n_bytes(entry: &Entry) -> Option<u64> {
    let elements = entry.shape.iter().try_fold(1u64, |product, &extent| product.checked_mul(extent as u64))?;
    let bits = elements.checked_mul(entry.dtype.bitsize() as u64)?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

fn broken(source: &Source, problem: &str) -> Error {
    Error::model(format!("`{}` is not a whole safetensors file: {problem}", source.label()))
        .with_hint("fetch the file again")
}

fn truncated(source: &Source, needed: u64) -> Error {
    broken(source, &format!("it is truncated: {needed} bytes needed, {} found", source.length()))
}
