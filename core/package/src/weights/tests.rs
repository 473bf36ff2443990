//! Tests of reading weights, most of them of files that lie.

use std::fs;

use drivetrain_contract::ErrorKind;
use serde_json::{Value, json};

use super::*;

/// The bytes of a safetensors file with this header.
fn file(header: &Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

fn tensor(dtype: &str, shape: &[i64], begin: i64, end: i64) -> Value {
    json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})
}

/// Opens the bytes as a file and in memory, which must agree, and gives the former.
fn open(bytes: &[u8]) -> Result<Weights> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m.safetensors"), bytes).unwrap();
    let in_file = Weights::open(&Files::Dir(dir.path().to_owned()), "m.safetensors");
    let memory: Vec<(&'static str, &'static [u8])> = vec![("m.safetensors", bytes.to_vec().leak())];
    let in_memory = Weights::open(&Files::Memory(memory.leak()), "m.safetensors");
    match (&in_file, &in_memory) {
        (Ok(a), Ok(b)) => assert!(a.names().eq(b.names())),
        (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind()),
        _ => panic!("{in_file:?} {in_memory:?}"),
    }
    in_file
}

fn check_broken(bytes: &[u8], message: &str) {
    let err = open(bytes).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Model, "{err}");
    assert!(err.to_text().contains(message), "{} lacks {message}", err.to_text());
}

fn check_read(dtype: &str, data: &[u8], expect: &[f32]) {
    let end = data.len() as i64;
    let weights = open(&file(&json!({"w": tensor(dtype, &[expect.len() as i64], 0, end)}), data)).unwrap();
    let mut numbers = vec![9.0];
    weights.read_f32("w", &mut numbers).unwrap();
    assert_eq!(numbers, expect, "{dtype}");
    assert_eq!(weights.read_raw("w").unwrap(), data);
    for max_elements in [1, 2, 1000] {
        let mut pieces = Vec::new();
        let mut collect = |chunk: &[f32]| {
            assert!((1..=max_elements).contains(&chunk.len()));
            pieces.extend_from_slice(chunk);
            Ok(())
        };
        weights.for_each_chunk("w", max_elements, &mut collect).unwrap();
        assert_eq!(pieces, expect, "{dtype} by {max_elements}");
    }
}

#[test]
fn every_stored_type_becomes_f32() {
    let numbers = [1.5f32, -2.0, 0.25];
    check_read("F32", &numbers.map(f32::to_le_bytes).concat(), &numbers);
    check_read("F64", &numbers.map(|n| f64::from(n).to_le_bytes()).concat(), &numbers);
    check_read("F16", &numbers.map(|n| half::f16::from_f32(n).to_le_bytes()).concat(), &numbers);
    check_read("BF16", &numbers.map(|n| half::bf16::from_f32(n).to_le_bytes()).concat(), &numbers);
    check_read("I8", &[1, 0xff, 0x80], &[1.0, -1.0, -128.0]);
    check_read("F32", &[], &[]);
    let large: Vec<f32> = (0..700_000u32).map(|n| n as f32).collect();
    check_read("F32", &large.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>(), &large);
    let weights = open(&file(&json!({"w": tensor("I64", &[1], 0, 8)}), &[0; 8])).unwrap();
    assert_eq!(weights.read_f32("w", &mut Vec::new()).unwrap_err().kind(), ErrorKind::Unsupported);
    let weights = open(&file(&json!({"w": tensor("F4", &[2], 0, 1)}), &[0; 1])).unwrap();
    assert_eq!(weights.read_f32("w", &mut Vec::new()).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn numbers_that_are_none_are_named_with_their_index() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut numbers = vec![0.0f32; 400_000];
        numbers[300_001] = bad;
        let data: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let header = json!({"w": tensor("F32", &[400_000], 0, 1_600_000)});
        let err = open(&file(&header, &data)).unwrap().read_f32("w", &mut Vec::new()).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Model);
        assert!(err.message().contains("`w`") && err.message().ends_with(&format!("{bad} at index 300001")), "{err}");
    }
    let header = json!({"w": tensor("F64", &[1], 0, 8)});
    assert!(open(&file(&header, &1e300f64.to_le_bytes())).unwrap().read_f32("w", &mut Vec::new()).is_err());
}

#[test]
fn truncated_files_say_what_is_needed() {
    let whole = file(&json!({"a": tensor("F32", &[2, 2], 0, 16), "b": tensor("I8", &[4], 16, 20)}), &[0; 20]);
    assert!(open(&whole).is_ok());
    for length in 0..whole.len() {
        assert_eq!(open(&whole[..length]).unwrap_err().kind(), ErrorKind::Model, "{length} bytes");
    }
    let needed = format!("{} bytes needed, {} found", whole.len(), whole.len() - 1);
    check_broken(&whole[..whole.len() - 1], &needed);
    check_broken(&[whole.as_slice(), b"x"].concat(), "its tensors end at byte");
}

#[test]
fn no_single_byte_can_crash_reading() {
    let whole = file(&json!({"a": tensor("F16", &[2, 2], 0, 8), "b": tensor("I8", &[4], 8, 12)}), &[0; 12]);
    let mut n_refused = 0;
    for idx in 0..whole.len() {
        for byte in [0, 1, b'"', b'-', b'9', b'[', b'}', 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[idx] = byte;
            match open(&bytes) {
                Ok(weights) => weights.names().for_each(|name| _ = weights.read_f32(name, &mut Vec::new())),
                Err(err) => {
                    assert_eq!(err.kind(), ErrorKind::Model);
                    n_refused += 1;
                }
            }
        }
    }
    assert!(n_refused > whole.len(), "{n_refused}");
}

#[test]
fn headers_that_lie_are_refused() {
    for length in [u64::MAX, u64::MAX - 7, (1 << 63) - 1, 1 << 63, 1 << 40, 100_000_001] {
        check_broken(&[&length.to_le_bytes()[..], b"{}"].concat(), "header would have");
    }
    check_broken(&[&50u64.to_le_bytes()[..], b"{}"].concat(), "truncated: 58 bytes needed, 10 found");
    check_broken(&[&2u64.to_le_bytes()[..], b"[]"].concat(), "header is not the JSON");
    check_broken(&[&5u64.to_le_bytes()[..], b"{\"\xff\":"].concat(), "header is not UTF-8");
    let skipped = b"{\"__metadata__\":{\"a\":\"\xff\"}}";
    check_broken(&[&(skipped.len() as u64).to_le_bytes()[..], skipped].concat(), "header is not UTF-8");
    check_broken(&[&100_000u64.to_le_bytes()[..], "[".repeat(100_000).as_bytes()].concat(), "header is not the JSON");
    let many = json!({"w": tensor("F32", &[1; 17], 0, 4)});
    check_broken(&file(&many, &[0; 4]), "not the JSON");
    check_broken(&file(&json!({"n".repeat(1025): tensor("F32", &[1], 0, 4)}), &[0; 4]), "not the JSON");
    let long = [&(17u64 << 20).to_le_bytes()[..], &vec![b' '; 17 << 20]].concat();
    check_broken(&long, "header would have");
    let twice =
        r#"{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#;
    let head = (twice.len() as u64).to_le_bytes();
    check_broken(&[&head[..], twice.as_bytes(), b"x"].concat(), "listed twice");
    let data = [0; 16];
    for (a, b) in [
        (tensor("F32", &[2], 0, 8), tensor("F32", &[2], 4, 12)),
        (tensor("F32", &[2], 0, 8), tensor("F32", &[2], 0, 8)),
        (tensor("F32", &[2], 0, 8), tensor("F32", &[1], 12, 16)),
        (tensor("F32", &[2], 8, 0), tensor("F32", &[2], 8, 16)),
        (tensor("F32", &[2], -8, 0), tensor("F32", &[2], 0, 8)),
        (tensor("F32", &[3], 0, 8), tensor("F32", &[2], 8, 16)),
        (tensor("F32", &[-2], 0, 8), tensor("F32", &[2], 8, 16)),
        (tensor("F32", &[i64::MAX, i64::MAX, 4], 0, 8), tensor("F32", &[2], 8, 16)),
        (tensor("F33", &[2], 0, 8), tensor("F32", &[2], 8, 16)),
        (tensor("F32", &[2], 0, 8), tensor("F32", &[i64::MAX / 8], 8, i64::MAX)),
        (tensor("F4", &[3], 0, 1), tensor("I8", &[15], 1, 16)),
        (tensor("F32", &[i64::MAX, i64::MAX, 0], 0, 0), tensor("I8", &[16], 0, 16)),
        (json!("x"), tensor("F32", &[4], 0, 16)),
        (json!({"dtype": "F32", "shape": [2], "data_offsets": [0, u64::MAX]}), tensor("F32", &[2], 8, 16)),
    ] {
        check_broken(&file(&json!({"a": a, "b": b}), &data), "not a whole safetensors file");
    }
}

#[test]
fn missing_and_misshapen_tensors_are_explained() {
    let header =
        json!({"__metadata__": {"format": "pt"}, "bert.encoder.layer.0.weight": tensor("F32", &[2, 2], 0, 16)});
    let weights = open(&file(&header, &[0; 16])).unwrap();
    let name = "bert.encoder.layer.0.weight";
    assert_eq!(weights.names().collect::<Vec<_>>(), [name]);
    assert_eq!(weights.require(name, &[2, 2]).unwrap().elements(), 4);
    let err = weights.require(name, &[4]).unwrap_err();
    assert!(err.message().ends_with("has shape [2, 2], not [4]"), "{err}");
    let err = weights.require("encoder.layer.0.weight", &[2, 2]).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Model);
    assert!(err.hint().unwrap().contains(name), "{err}");
    assert!(weights.get("x").is_none() && weights.require("x", &[]).is_err() && weights.read_raw("x").is_err());
    assert_eq!(weights.for_each_chunk(name, 0, &mut |_| Ok(())).unwrap_err().kind(), ErrorKind::Invalid);
    let stop = weights.for_each_chunk(name, 1, &mut |_| Err(Error::invalid("stop")));
    assert_eq!(stop.unwrap_err().message(), "stop");
}

#[test]
fn sharded_weights_are_one() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    let index = |map: Value| put("model.safetensors.index.json", json!({"weight_map": map}).to_string().as_bytes());
    let open = || Weights::open(&Files::Dir(dir.path().to_owned()), "model.safetensors");
    put("one.safetensors", &file(&json!({"a": tensor("F32", &[1], 0, 4)}), &1f32.to_le_bytes()));
    put("two.safetensors", &file(&json!({"b": tensor("F32", &[1], 0, 4)}), &2f32.to_le_bytes()));
    assert_eq!(open().unwrap_err().kind(), ErrorKind::NotFound);
    index(json!({"a": "one.safetensors", "b": "two.safetensors"}));
    let mut numbers = Vec::new();
    open().unwrap().read_f32("b", &mut numbers).unwrap();
    assert_eq!(numbers, [2.0]);
    for map in [
        json!({"a": "one.safetensors", "b": "one.safetensors"}),
        json!({"a": "../one.safetensors"}),
        json!({"a": "three.safetensors"}),
        json!({"a": 1}),
        json!(["a"]),
    ] {
        index(map.clone());
        assert!(open().is_err(), "{map}");
    }
    put("two.safetensors", &file(&json!({"a": tensor("F32", &[1], 0, 4)}), &[0; 4]));
    index(json!({"a": "one.safetensors", "c": "two.safetensors"}));
    assert!(open().unwrap_err().message().contains("and in another file"));
}
