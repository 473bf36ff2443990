//! Safetensors: whatever is accepted, the reference implementation reads alike.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use drivetrain::{
    Error,
    package::{Files, Weights},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{case::Target, run};

const FILES: [&str; 2] = ["a/model.safetensors", "b/model.safetensors"];

#[test]
fn safetensors() {
    run::run(&target());
}

pub(crate) fn target() -> Target {
    Target {
        name: "safetensors",
        seeds: vec![(FILES[0], many_types()), (FILES[1], two_tensors())],
        mend,
        prepare: |_| {},
        read,
    }
}

fn many_types() -> Vec<u8> {
    let data: Vec<u8> = (0..64).collect();
    let tensor = |dtype, shape: &[usize], len| TensorView::new(dtype, shape.to_vec(), &data[..len]).expect("a tensor");
    let tensors = BTreeMap::from([
        ("embeddings.word_embeddings.weight", tensor(Dtype::F32, &[2, 4], 32)),
        ("encoder.layer.0.output.dense.bias", tensor(Dtype::F16, &[8], 16)),
        ("halves", tensor(Dtype::BF16, &[2, 2, 2], 16)),
        ("bytes", tensor(Dtype::I8, &[3, 7], 21)),
        ("ids", tensor(Dtype::I64, &[1, 2], 16)),
        ("scale", tensor(Dtype::F64, &[], 8)),
        ("none", tensor(Dtype::F32, &[0, 4], 0)),
    ]);
    let metadata = Some([("format".to_owned(), "pt".to_owned())].into());
    safetensors::serialize(tensors, metadata).expect("a file")
}

fn two_tensors() -> Vec<u8> {
    let data = [0; 8];
    let tensor = TensorView::new(Dtype::F32, vec![2], &data).expect("a tensor");
    safetensors::serialize([("a", &tensor), ("b", &tensor)], None).expect("a file")
}

/// Makes the length at the beginning that of the JSON behind it, which ends with the last pair of brackets.
fn mend(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.windows(2).rposition(|pair| pair == b"}}");
    if let Some(length) = end.and_then(|end| (end + 2).checked_sub(8)) {
        bytes[..8].copy_from_slice(&(length as u64).to_le_bytes());
    }
    bytes
}

fn read(folder: &Path) -> Result<String, Error> {
    let read = FILES.map(|file| read_file(folder, file));
    read.into_iter().collect()
}

fn read_file(folder: &Path, file: &str) -> Result<String, Error> {
    let weights = Weights::open(&Files::Dir(folder.to_owned()), file)?;
    let bytes = fs::read(folder.join(file)).expect("a file");
    let reference = SafeTensors::deserialize(&bytes).expect("what is accepted here is accepted elsewhere");
    assert!(weights.names().eq(reference.names().into_iter().collect::<std::collections::BTreeSet<_>>()));
    let mut read = String::new();
    for name in weights.names() {
        let info = weights.get(name).expect("a tensor that is listed");
        let expect = reference.tensor(name).expect("a tensor that is listed");
        assert_eq!((info.dtype, &*info.shape), (expect.dtype(), expect.shape()), "{name}");
        assert_eq!(weights.read_raw(name)?, expect.data(), "{name}");
        write_numbers(&weights, name, &mut read);
    }
    Ok(read)
}

/// The numbers of a tensor as text, or why there are none; pieces are the same as the whole.
pub(crate) fn write_numbers(weights: &Weights, name: &str, out: &mut String) {
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let outcome = weights.read_f32(name, &mut whole);
    let in_pieces = weights.for_each_chunk(name, 3, &mut |piece| {
        pieces.extend_from_slice(piece);
        Ok(())
    });
    assert_eq!(outcome.is_ok(), in_pieces.is_ok(), "{name}");
    match outcome {
        Ok(()) => {
            assert_eq!(whole, pieces, "{name}");
            let _ = writeln!(out, "{name}: {:?} {whole:?}", weights.get(name));
        }
        Err(err) => {
            let _ = writeln!(out, "{name}: {err}");
        }
    }
}
