//! Tensors of a `pytorch_model.bin`: an archive with a pickled dictionary and the bytes of each storage.
//!
//! Written by `torch.save` since torch 1.6 (`torch/serialization.py`).

use std::collections::BTreeMap;

use drivetrain_contract::{Error, Result};

use super::{
    TensorInfo,
    archive::{Archive, Problem, Span},
    header::Located,
    n_elements,
    pickle::{self, Refusal, TensorView},
    source::Source,
};

/// First bytes of the archive.
const MAGIC: &[u8] = b"PK\x03\x04";

/// First bytes of what torch wrote before version 1.6: protocol 2, then a long integer of ten bytes.
const OLD_MAGIC: &[u8] = b"\x80\x02\x8a\x0a";

/// Longest dictionary that is read: some 100,000 tensors.
const MOST_PICKLE_BYTES: u64 = 16 << 20;

/// Whether the file is one of torch's, by its first bytes or its name.
pub(super) fn is_torch(source: &Source) -> Result<bool> {
    Ok([MAGIC, OLD_MAGIC].contains(&&start(source)?[..]) || source.label().ends_with(".bin"))
}

fn start(source: &Source) -> Result<[u8; 4]> {
    let mut start = [0; 4];
    if source.length() >= 4 {
        source.read_at(&mut start, 0)?;
    }
    Ok(start)
}

/// Reads the dictionary and checks every tensor against the storage it lies in.
pub(super) fn read(source: &Source) -> Result<BTreeMap<String, Located>> {
    let start = start(source)?;
    if start == OLD_MAGIC {
        let message = format!("`{}` is in the format that torch wrote before version 1.6", source.label());
        return Err(Error::unsupported(message).with_hint("load and save it with a newer torch, best as safetensors"));
    }
    if start != MAGIC {
        return Err(broken(source, "it does not begin as an archive does"));
    }
    let archive = Archive::open(source)?.map_err(|problem| broken(source, &problem))?;
    let folder = folder(&archive).map_err(|problem| broken(source, &problem))?;
    check_byte_order(source, &archive, &folder)?;
    let views = read_dictionary(source, &archive, &folder)?;
    let mut spans = BTreeMap::new();
    let mut located = BTreeMap::new();
    for (name, view) in views {
        if !spans.contains_key(&view.key) {
            let span = archive.member(&format!("{folder}data/{}", view.key))?;
            spans.insert(view.key.clone(), span.map_err(|problem| broken(source, &problem))?);
        }
        let place = locate(&view, spans[&view.key]);
        let place = place.map_err(|problem| broken(source, &format!("tensor `{name}` {problem}")))?;
        located.insert(name, place);
    }
    Ok(located)
}

/// The one folder of the archive, with a slash at its end.
fn folder(archive: &Archive<'_>) -> Result<String, Problem> {
    let mut folders = archive.names().filter_map(|name| name.strip_suffix("data.pkl"));
    match (folders.next(), folders.next()) {
        (Some(folder), None) if folder.is_empty() || folder.ends_with('/') => Ok(folder.to_owned()),
        _ => Err("it is an archive without exactly one `data.pkl`".to_owned()),
    }
}

fn check_byte_order(source: &Source, archive: &Archive<'_>, folder: &str) -> Result<()> {
    let name = format!("{folder}byteorder");
    if !archive.names().any(|member| member == name) {
        return Ok(());
    }
    let span = archive.member(&name)?.map_err(|problem| broken(source, &problem))?;
    let mut order = vec![0; span.n_bytes.min(16) as usize];
    source.read_at(&mut order, span.offset)?;
    if order == b"little" {
        return Ok(());
    }
    let message = format!("`{}` was written on a machine that stores numbers the other way round", source.label());
    Err(Error::unsupported(message).with_hint("save it again as safetensors"))
}

fn read_dictionary(source: &Source, archive: &Archive<'_>, folder: &str) -> Result<BTreeMap<String, TensorView>> {
    let span = archive.member(&format!("{folder}data.pkl"))?.map_err(|problem| broken(source, &problem))?;
    if span.n_bytes > MOST_PICKLE_BYTES {
        return Err(broken(source, &format!("its `data.pkl` has {} bytes", span.n_bytes)));
    }
    let mut bytes = vec![0; span.n_bytes as usize];
    source.read_at(&mut bytes, span.offset)?;
    pickle::read(&bytes).map_err(|refusal| match refusal {
        Refusal::Broken(problem) => {
            broken(source, &format!("its `data.pkl` is not a dictionary of tensors: {problem}"))
        }
        Refusal::Foreign(name) => {
            let message = format!("`{}` refers to `{name}`, which is not part of weights", source.label());
            Error::model(message).with_hint(
                "such a file can run any program when Python loads it: use safetensors from a source you trust",
            )
        }
    })
}

/// Where a tensor lies, if that is inside its storage.
fn locate(view: &TensorView, storage: Span) -> Result<Located, Problem> {
    let size = (view.dtype.bitsize() / 8) as u64;
    if view.storage_elements.checked_mul(size).is_none_or(|n_bytes| n_bytes > storage.n_bytes) {
        let (elements, n_bytes) = (view.storage_elements, storage.n_bytes);
        return Err(format!("has a storage of {elements} numbers in {n_bytes} bytes"));
    }
    let outside = || format!("of shape {:?} lies outside its storage of {} numbers", view.shape, view.storage_elements);
    let elements = n_elements(view.shape.iter().copied());
    // One storage may serve many tensors, but no number of it one tensor twice.
    let elements = elements.filter(|&elements| elements <= view.storage_elements).ok_or_else(outside)?;
    if view.shape.len() != view.strides.len() {
        return Err(format!("has {} extents and {} strides", view.shape.len(), view.strides.len()));
    }
    let last = view
        .shape
        .iter()
        .zip(&view.strides)
        .try_fold(0u64, |last, (&extent, &stride)| last.checked_add(extent.saturating_sub(1).checked_mul(stride)?));
    let span = if elements == 0 { Some(0) } else { last.and_then(|last| last.checked_add(1)) };
    let end = span.and_then(|span| view.offset.checked_add(span));
    let span = span.filter(|_| end.is_some_and(|end| end <= view.storage_elements)).ok_or_else(outside)?;
    let shape: Vec<usize> = view.shape.iter().map(|&extent| extent as usize).collect();
    let strides = (elements > 0 && !is_row_major(&view.shape, &view.strides)).then(|| view.strides.clone());
    Ok(Located {
        info: TensorInfo { dtype: view.dtype, shape },
        offset: storage.offset + view.offset * size,
        n_bytes: span * size,
        strides,
    })
}

fn is_row_major(shape: &[u64], strides: &[u64]) -> bool {
    let mut expected = 1;
    for (&extent, &stride) in shape.iter().zip(strides).rev() {
        // Where there is one place only, it does not matter how far the next would be.
        if extent != 1 && stride != expected {
            return false;
        }
        expected *= extent;
    }
    true
}

fn broken(source: &Source, problem: &str) -> Error {
    Error::model(format!("`{}` is not a whole file of torch weights: {problem}", source.label()))
        .with_hint("fetch the file again, best as safetensors")
}

#[cfg(test)]
mod tests;
