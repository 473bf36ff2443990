//! The header of a safetensors file, checked against the file it heads.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. Eight bytes give the header's length N (little-endian),
//! N bytes of JSON follow, then the tensors' bytes without holes, to the end of the file.

use std::{collections::BTreeMap, fmt};

use drivetrain_contract::{Error, Result};
use safetensors::Dtype;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{MOST_AXES, MOST_NAME_BYTES, MOST_TENSORS, TensorInfo, n_elements, source::Source};

/// Bytes before the header.
const LENGTH_BYTES: u64 = 8;

/// Longest header: some 100,000 tensors. The reference implementation reads six times as much, which no model needs and
/// which takes a multiple of it in memory.
const MAX_HEADER: u64 = 16 << 20;

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
    #[serde(deserialize_with = "extents")]
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
            if name.len() > MOST_NAME_BYTES || tensors.len() == MOST_TENSORS {
                return Err(A::Error::custom("a longer name, or more tensors, than any model has"));
            }
            let entry = map.next_value()?;
            if tensors.insert(name, entry).is_some() {
                return Err(A::Error::custom("a tensor is listed twice"));
            }
        }
        Ok(Header(tensors))
    }
}

/// The extents of a tensor, at most [`MOST_AXES`].
fn extents<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Extents;

    impl<'de> Visitor<'de> for Extents {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST_AXES} extents")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<usize>, A::Error> {
            let mut extents = Vec::new();
            while let Some(extent) = seq.next_element()? {
                if extents.len() == MOST_AXES {
                    return Err(A::Error::invalid_length(MOST_AXES + 1, &self));
                }
                extents.push(extent);
            }
            Ok(extents)
        }
    }

    deserializer.deserialize_seq(Extents)
}

/// Reads the header and checks every tensor against its neighbours and the length of the file.
pub(crate) fn read(source: &Source) -> Result<BTreeMap<String, Located>> {
    let json = read_json(source)?;
    // First of all text: parsing bytes would let anything pass in what is skipped.
    let text = str::from_utf8(&json).map_err(|err| broken(source, "its header is not UTF-8").with_source(err))?;
    let Header(tensors) = serde_json::from_str(text)
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
    let elements = n_elements(entry.shape.iter().map(|&extent| extent as u64))?;
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
