//! From the bytes of a static table to checked numbers.
//!
//! The format is model2vec's: a safetensors file with the table as `embeddings` (older files: `0`), optionally a factor
//! for each token (`weights`) and a row for each token (`mapping`, where tokens share rows). sentence-transformers'
//! StaticEmbedding calls the table `embedding.weight` and has nothing else.

use std::{borrow::Cow, fs, io};

use drivetrain_contract::{Artifact, ArtifactData, Error, Precisions, Result};
use half::f16;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::broken;

/// Precisions a table may be stored in.
pub(crate) const STORAGE: Precisions = Precisions::F32.union(Precisions::F16).union(Precisions::I8);

/// Names of the table, in the order in which model2vec looks for them.
const TABLE_NAMES: [&str; 3] = ["embeddings", "0", "embedding.weight"];

/// A table that no token below [`Table::tokens`] can lead out of.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// Rows of the table.
    pub(crate) rows: usize,
    /// Extent of a vector.
    pub(crate) columns: usize,
    /// Factor of each token.
    pub(crate) weights: Option<Vec<f32>>,
    /// Row of each token.
    pub(crate) mapping: Option<Vec<usize>>,
    values: TensorView<'a>,
}

impl<'a> Table<'a> {
    /// Reads and checks a safetensors file that messages call `label`.
    pub(crate) fn parse(label: &str, bytes: &'a [u8]) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|err| broken(label, "is not a readable safetensors file").with_source(err))?;
        let (name, values) =
            TABLE_NAMES.iter().find_map(|&name| file.tensor(name).ok().map(|values| (name, values))).ok_or_else(
                || broken(label, format_args!("holds no table, neither `{}`", TABLE_NAMES.join("` nor `"))),
            )?;
        let &[rows, columns] = values.shape() else {
            return Err(broken(
                label,
                format_args!("holds `{name}` with shape {:?}, not [rows, columns]", values.shape()),
            ));
        };
        if rows == 0 || columns == 0 {
            return Err(broken(
                label,
                format_args!("holds `{name}` without numbers, its shape is [{rows}, {columns}]"),
            ));
        }
        check_table(label, name, &values, columns)?;
        let weights = file.tensor("weights").ok().map(|view| weights(label, &view)).transpose()?;
        let mapping = file.tensor("mapping").ok().map(|view| mapping(label, &view, rows)).transpose()?;
        Ok(Self { rows, columns, weights, mapping, values })
    }

    /// Fails unless every token id below `tokens` has a row and, where there are weights, a weight.
    pub(crate) fn check_tokens(&self, label: &str, tokens: usize) -> Result<()> {
        let (rows, what) = match &self.mapping {
            Some(mapping) => (mapping.len(), "entries in `mapping`"),
            None => (self.rows, "rows"),
        };
        let weights = self.weights.as_ref().map_or(usize::MAX, Vec::len);
        for (found, what) in [(rows, what), (weights, "entries in `weights`")] {
            if found < tokens {
                return Err(broken(label, format_args!("holds {found} {what}, the tokenizer has {tokens} tokens"))
                    .with_hint("table and `tokenizer.json` belong to different models"));
            }
        }
        Ok(())
    }

    /// The table as f32, row-major.
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        floats(&self.values)
    }

    /// Bytes of table, weights and mapping as model2vec-rs keeps them: i8 as it is, everything else as f32.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let width = if self.values.dtype() == Dtype::I8 { 1 } else { size_of::<f32>() };
        let weights = self.weights.as_ref().map_or(0, |weights| size_of_val(weights.as_slice()));
        let mapping = self.mapping.as_ref().map_or(0, |mapping| size_of_val(mapping.as_slice()));
        (self.rows * self.columns * width + weights + mapping) as u64
    }
}

/// The artifact's bytes, read whole if it is a file.
pub(crate) fn read(artifact: &Artifact) -> Result<Cow<'_, [u8]>> {
    match &artifact.data {
        ArtifactData::Path(path) => {
            artifact_len(artifact)?;
            fs::read(path).map(Cow::Owned).map_err(|err| unreadable(artifact, err))
        }
        ArtifactData::Static(bytes) => Ok(Cow::Borrowed(bytes)),
    }
}

/// Length of the artifact in bytes; fails unless it is a regular file or in memory.
pub(crate) fn artifact_len(artifact: &Artifact) -> Result<u64> {
    let ArtifactData::Path(path) = &artifact.data else {
        return Ok(artifact.data.bytes().map_or(0, |bytes| bytes.len() as u64));
    };
    let metadata = fs::metadata(path).map_err(|err| unreadable(artifact, err))?;
    if !metadata.is_file() {
        return Err(Error::io(format!("`{}` is not a regular file", artifact.data.label())));
    }
    Ok(metadata.len())
}

fn unreadable(artifact: &Artifact, err: io::Error) -> Error {
    let message = format!("cannot read `{}`", artifact.data.label());
    let error = if err.kind() == io::ErrorKind::NotFound { Error::not_found(message) } else { Error::io(message) };
    error.with_source(err)
}

fn check_table(label: &str, name: &str, values: &TensorView<'_>, columns: usize) -> Result<()> {
    if !matches!(values.dtype(), Dtype::F32 | Dtype::F16 | Dtype::I8) {
        return Err(Error::unsupported(format!(
            "`{label}` holds `{name}` as {}, a static table is F32, F16 or I8",
            values.dtype()
        )));
    }
    match first_non_finite(values) {
        Some(idx) => Err(broken(
            label,
            format_args!("holds NaN or infinity in `{name}`, row {}, column {}", idx / columns, idx % columns),
        )
        .with_hint("the weights are damaged: fetch or distil the model again")),
        None => Ok(()),
    }
}

fn weights(label: &str, view: &TensorView<'_>) -> Result<Vec<f32>> {
    if view.shape().len() != 1 || !matches!(view.dtype(), Dtype::F64 | Dtype::F32 | Dtype::F16) {
        return Err(broken(
            label,
            format_args!("holds `weights` as {} {:?}, not [tokens] floats", view.dtype(), view.shape()),
        ));
    }
    match first_non_finite(view) {
        Some(idx) => Err(broken(label, format_args!("holds NaN or infinity in `weights` at {idx}"))),
        None => Ok(floats(view)),
    }
}

fn mapping(label: &str, view: &TensorView<'_>, rows: usize) -> Result<Vec<usize>> {
    let data = view.data();
    let indices: Vec<i64> = match (view.dtype(), view.shape()) {
        (Dtype::I64, [_]) => data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(),
        (Dtype::I32, [_]) => data.as_chunks().0.iter().map(|&bytes| i64::from(i32::from_le_bytes(bytes))).collect(),
        (dtype, shape) => {
            return Err(broken(label, format_args!("holds `mapping` as {dtype} {shape:?}, not [tokens] integers")));
        }
    };
    let row = |(token, index): (usize, i64)| match usize::try_from(index) {
        Ok(row) if row < rows => Ok(row),
        _ => Err(broken(label, format_args!("maps token {token} to row {index} of a table of {rows} rows"))),
    };
    indices.into_iter().enumerate().map(row).collect()
}

/// The numbers of a tensor of floats or of i8, in f32. Of another type: nothing.
fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        Dtype::I8 => data.iter().map(|&byte| f32::from(byte.cast_signed())).collect(),
        _ => Vec::new(),
    }
}

/// Index of the first number that is NaN or infinite, found without decoding the tensor.
fn first_non_finite(view: &TensorView<'_>) -> Option<usize> {
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => data.as_chunks().0.iter().position(|&bytes| !f64::from_le_bytes(bytes).is_finite()),
        Dtype::F32 => data.as_chunks().0.iter().position(|&bytes| !f32::from_le_bytes(bytes).is_finite()),
        Dtype::F16 => data.as_chunks().0.iter().position(|&bytes| !f16::from_le_bytes(bytes).is_finite()),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use drivetrain_contract::{ErrorKind, Precision};

    use super::*;

    /// A safetensors file of the given tensors.
    pub(crate) fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
        let views: BTreeMap<&str, TensorView<'_>> = tensors
            .iter()
            .map(|(name, dtype, shape, data)| (*name, TensorView::new(*dtype, shape.to_vec(), data).unwrap()))
            .collect();
        safetensors::serialize(views, None).unwrap()
    }

    pub(crate) fn f32_bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn i64_bytes(values: &[i64]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[track_caller]
    fn refuses(bytes: &[u8], needle: &str) {
        let err = Table::parse("t", bytes).unwrap_err();
        assert!(err.message().contains(needle), "{err}");
    }

    #[test]
    fn every_storage_reads_as_the_same_numbers() {
        let numbers = [1.0f32, -2.0, 0.5, 3.0];
        let f16s: Vec<u8> = numbers.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        for (dtype, data) in [(Dtype::F32, f32_bytes(&numbers)), (Dtype::F16, f16s)] {
            let bytes = file(&[("embeddings", dtype, &[2, 2], data)]);
            assert_eq!(Table::parse("t", &bytes).unwrap().to_f32(), numbers);
        }
        let bytes = file(&[("embedding.weight", Dtype::I8, &[2, 2], vec![1, 0xfe, 0, 3])]);
        let table = Table::parse("t", &bytes).unwrap();
        assert_eq!(table.to_f32(), [1.0, -2.0, 0.0, 3.0]);
        assert_eq!(table.resident_bytes(), 4);
    }

    #[test]
    fn damaged_tables_are_refused_and_the_damage_is_named() {
        let table = |values: &[f32]| ("embeddings", Dtype::F32, &[2usize, 2][..], f32_bytes(values));
        refuses(&file(&[table(&[1.0, 2.0, 3.0, f32::NAN])]), "row 1, column 1");
        refuses(&file(&[table(&[1.0, f32::INFINITY, 3.0, 4.0])]), "row 0, column 1");
        let good = table(&[1.0, 2.0, 3.0, 4.0]);
        refuses(&file(&[good.clone(), ("mapping", Dtype::I64, &[2], i64_bytes(&[0, 2]))]), "token 1 to row 2");
        refuses(&file(&[good.clone(), ("mapping", Dtype::I64, &[2], i64_bytes(&[-1, 0]))]), "token 0 to row -1");
        refuses(&file(&[good.clone(), ("mapping", Dtype::F32, &[1], f32_bytes(&[0.0]))]), "`mapping` as F32");
        refuses(&file(&[good.clone(), ("weights", Dtype::F32, &[1], f32_bytes(&[f32::NAN]))]), "`weights` at 0");
        refuses(&file(&[good, ("weights", Dtype::I64, &[1], i64_bytes(&[1]))]), "`weights` as I64");
        refuses(&file(&[("embeddings", Dtype::F32, &[4], f32_bytes(&[0.0; 4]))]), "[4]");
        refuses(&file(&[("embeddings", Dtype::F32, &[3, 0], Vec::new())]), "[3, 0]");
        refuses(&file(&[("embeddings", Dtype::I64, &[1, 1], i64_bytes(&[1]))]), "as I64");
        refuses(&file(&[("other", Dtype::F32, &[1, 1], f32_bytes(&[1.0]))]), "holds no table");
    }

    #[test]
    fn files_cut_anywhere_or_lying_about_their_header_are_refused() {
        let bytes = file(&[("embeddings", Dtype::F32, &[2, 2], f32_bytes(&[1.0; 4]))]);
        for len in 0..bytes.len() {
            refuses(&bytes[..len], "not a readable safetensors file");
        }
        let mut lying = bytes;
        lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        refuses(&lying, "not a readable safetensors file");
    }

    #[test]
    fn tokens_without_row_or_weight_are_refused() {
        let table = ("embeddings", Dtype::F32, &[2usize, 2][..], f32_bytes(&[1.0; 4]));
        let with_weight = file(&[table.clone(), ("weights", Dtype::F32, &[1], f32_bytes(&[1.0]))]);
        let parsed = Table::parse("t", &with_weight).unwrap();
        assert!(parsed.check_tokens("t", 1).is_ok());
        assert!(parsed.check_tokens("t", 2).unwrap_err().message().contains("1 entries in `weights`"));
        let with_mapping = file(&[table, ("mapping", Dtype::I32, &[3], vec![0; 12])]);
        let parsed = Table::parse("t", &with_mapping).unwrap();
        assert!(parsed.check_tokens("t", 3).is_ok());
        assert!(parsed.check_tokens("t", 4).is_err());
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let artifact = |path: &std::path::Path| Artifact {
            format: String::new(),
            precision: Precision::F32,
            data: ArtifactData::Path(path.to_owned()),
        };
        assert_eq!(read(&artifact(folder.path())).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(read(&artifact(&folder.path().join("none"))).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
