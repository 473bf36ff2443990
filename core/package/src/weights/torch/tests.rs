//! Files of torch weights: one as torch writes them, many that lie.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use drivetrain_contract::ErrorKind;

use super::*;
use crate::{Dtype, Files, TensorPlace, Weights};

fn tiny() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pytorch/tiny.bin")).unwrap()
}

/// Opens the bytes as a file in `folder`.
fn open_in(folder: &Path, bytes: &[u8]) -> Result<Weights> {
    fs::write(folder.join("pytorch_model.bin"), bytes).unwrap();
    Weights::open(&Files::Dir(folder.to_owned()), "pytorch_model.bin")
}

fn open(bytes: &[u8]) -> Result<Weights> {
    open_in(tempfile::tempdir().unwrap().path(), bytes)
}

fn check_refused(bytes: &[u8], kind: ErrorKind, message: &str) {
    let err = open(bytes).unwrap_err();
    assert_eq!(err.kind(), kind, "{}", err.to_text());
    assert!(err.to_text().contains(message), "{} lacks {message}", err.to_text());
}

#[test]
fn every_kind_of_tensor_is_read() {
    let weights = open(&tiny()).unwrap();
    let check = |name: &str, shape: &[usize], expect: &[f32]| {
        assert_eq!(weights.get(name).unwrap().shape, shape, "{name}");
        let mut numbers = Vec::new();
        weights.read_f32(name, &mut numbers).unwrap();
        assert_eq!(numbers, expect, "{name}");
        let size = weights.get(name).unwrap().dtype.bitsize() / 8;
        assert_eq!(weights.read_raw(name).unwrap().len(), expect.len() * size, "{name}");
    };
    check("whole", &[3, 4], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    check("second_row", &[4], &[4.0, 5.0, 6.0, 7.0]);
    check("turned", &[4, 3], &[0.0, 4.0, 8.0, 1.0, 5.0, 9.0, 2.0, 6.0, 10.0, 3.0, 7.0, 11.0]);
    check("every_other", &[3, 2], &[1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
    check("single", &[], &[11.0]);
    check("empty", &[0, 4], &[]);
    check("parameter", &[1, 2], &[1.5, -0.25]);
    check("bfloat16", &[3], &[1.0, -2.0, 0.5]);
    check("double", &[1], &[-3.25]);
    assert_eq!(weights.get("position_ids").unwrap().dtype, Dtype::I64);
    assert_eq!(weights.names().count(), 10, "a number is no tensor");
    assert!(matches!(weights.place("turned").unwrap(), TensorPlace::Scattered));
    assert!(matches!(weights.place("second_row").unwrap(), TensorPlace::File { n_bytes: 16, .. }));
}

#[test]
fn pieces_of_a_scattered_tensor_are_in_order() {
    let weights = open(&tiny()).unwrap();
    let mut whole = Vec::new();
    weights.read_f32("turned", &mut whole).unwrap();
    for max_elements in [1, 5, 100] {
        let mut pieces = Vec::new();
        let mut collect = |chunk: &[f32]| {
            assert!(chunk.len() <= max_elements);
            pieces.extend_from_slice(chunk);
            Ok(())
        };
        weights.for_each_chunk("turned", max_elements, &mut collect).unwrap();
        assert_eq!(pieces, whole);
    }
}

/// A member of an archive, stored as it is unless `method` says otherwise.
struct Part<'a> {
    name: &'a str,
    data: &'a [u8],
    method: u16,
    flags: u16,
}

impl<'a> Part<'a> {
    fn plain(name: &'a str, data: &'a [u8]) -> Self {
        Self { name, data, method: 0, flags: 0 }
    }
}

fn archive(parts: &[Part<'_>], with_long_fields: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for Part { name, data, method, flags } in parts {
        let (start, len) = (bytes.len() as u64, data.len() as u64);
        bytes.extend([&b"PK\x03\x04"[..], &[0; 22], &(name.len() as u16).to_le_bytes(), &[0, 0]].concat());
        bytes.extend([name.as_bytes(), data].concat());
        let long = [&[1u8, 0, 24, 0][..], &len.to_le_bytes(), &len.to_le_bytes(), &start.to_le_bytes()].concat();
        let short = |number: u64| if with_long_fields { u32::MAX } else { number as u32 }.to_le_bytes();
        let extra: &[u8] = if with_long_fields { &long } else { &[] };
        directory.extend([&b"PK\x01\x02"[..], &[0; 4], &flags.to_le_bytes(), &method.to_le_bytes(), &[0; 8]].concat());
        directory.extend([short(len), short(len)].concat());
        directory.extend([(name.len() as u16).to_le_bytes(), (extra.len() as u16).to_le_bytes()].concat());
        directory.extend([&[0; 10][..], &short(start), name.as_bytes(), extra].concat());
    }
    let (start, len) = (bytes.len() as u64, directory.len() as u64);
    bytes.extend(&directory);
    if with_long_fields {
        let at = bytes.len() as u64;
        bytes.extend([&b"PK\x06\x06"[..], &[0; 36], &len.to_le_bytes(), &start.to_le_bytes()].concat());
        bytes.extend([&b"PK\x06\x07"[..], &[0; 4], &at.to_le_bytes(), &[0; 4]].concat());
    }
    let short = |number: u64| if with_long_fields { u32::MAX } else { number as u32 }.to_le_bytes();
    bytes.extend([&b"PK\x05\x06"[..], &[0; 8], &short(len), &short(start), &[0, 0]].concat());
    bytes
}

/// A file with this dictionary and one storage of 12 bytes.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    archive(&[Part::plain("m/data.pkl", pickle), Part::plain("m/data/0", &[0; 12])], false)
}

fn number(number: i64) -> Vec<u8> {
    [&[0x8a, 8][..], &number.to_le_bytes()].concat()
}

fn tuple(numbers: &[i64]) -> Vec<u8> {
    [&b"("[..], &numbers.iter().flat_map(|&n| number(n)).collect::<Vec<u8>>(), b"t"].concat()
}

const STORAGE: &[u8] = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu";
const REBUILD: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n";

/// A dictionary with the tensor `w`, of a storage said to hold `elements` floats.
fn view(elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let storage = [STORAGE, &number(elements), b"tQ"].concat();
    let arguments = [&b"("[..], &storage, &number(offset), &tuple(shape), &tuple(strides), b"\x89}t"].concat();
    [&b"\x80\x02}(X\x01\x00\x00\x00w"[..], REBUILD, &arguments, b"Ru."].concat()
}

#[test]
fn views_stay_inside_their_storage() {
    for (offset, shape, strides) in
        [(0, &[3][..], &[1][..]), (1, &[2], &[1]), (3, &[0], &[1]), (2, &[1, 1], &[1 << 40, 9]), (0, &[2], &[2])]
    {
        let weights = open(&with_pickle(&view(3, offset, shape, strides))).unwrap();
        assert_eq!(weights.get("w").unwrap().elements() as i64, shape.iter().product::<i64>());
        weights.read_f32("w", &mut Vec::new()).unwrap();
    }
    for (offset, shape, strides) in [
        (1, &[3][..], &[1][..]),
        (4, &[0], &[1]),
        (i64::MAX, &[1], &[1]),
        (0, &[2], &[3]),
        (0, &[4], &[0]),
        (0, &[1 << 40, 1 << 40], &[0, 0]),
        (0, &[1 << 62, 4], &[1, 1]),
        (0, &[2], &[i64::MAX]),
        (0, &[2, 2], &[i64::MAX, i64::MAX]),
        (0, &[i64::MAX, 0], &[i64::MAX, 1]),
    ] {
        let pickle = view(3, offset, shape, strides);
        let outcome = open(&with_pickle(&pickle)).and_then(|weights| weights.read_f32("w", &mut Vec::new()));
        match outcome {
            Ok(()) => assert!(shape.contains(&0) && offset <= 3, "{offset} {shape:?} {strides:?}"),
            Err(err) => assert_eq!(err.kind(), ErrorKind::Model, "{}", err.to_text()),
        }
    }
    let model = |pickle: &[u8], message| check_refused(&with_pickle(pickle), ErrorKind::Model, message);
    model(&view(4, 0, &[1], &[1]), "4 numbers in 12 bytes");
    model(&view(i64::MAX, 0, &[1], &[1]), "in 12 bytes");
    model(&view(3, 0, &[3], &[1, 1]), "1 extents and 2 strides");
    model(&view(3, 0, &[-3], &[1]), "an extent of -3");
    model(&view(3, 0, &[3], &[-1]), "an extent of -1");
    model(&view(-1, 0, &[3], &[1]), "an extent of -1");
    model(&view(3, 0, &[1; 17], &[1; 17]), "17 axes");
}

#[test]
fn nothing_but_weights_is_built() {
    for (pickle, name) in [
        (&b"cposix\nsystem\n(X\x02\x00\x00\x00lstR."[..], "`posix.system`"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "`builtins.eval`"),
        (b"ctorch\nload\n.", "`torch.load`"),
        (b"ctorch.jit._pickle\nrestore_type_tag\n.", "`torch.jit._pickle.restore_type_tag`"),
        (b"cnumpy\ndtype\n.", "`numpy.dtype`"),
    ] {
        check_refused(&with_pickle(pickle), ErrorKind::Model, name);
    }
    for pickle in [&b"i__main__\nX\n."[..], b"(o.", b"\x82\x01.", b"}\x81.", b"P0\n.", b"S'x'\n."] {
        check_refused(&with_pickle(pickle), ErrorKind::Model, "none that weights need");
    }
}

#[test]
fn pickles_that_are_broken_or_absurd_are_refused() {
    let model = |pickle: &[u8], message| check_refused(&with_pickle(pickle), ErrorKind::Model, message);
    model(b"", "truncated");
    model(b"}", "truncated");
    model(b"N.", "no dictionary");
    model(b".", "takes more from its stack");
    model(b"}Ns.", "takes more from its stack");
    model(b"}(Nu.", "a key without a value");
    model(b"N(u.", "no dictionary");
    model(b"}u.", "a mark is missing");
    model(b"h\x00.", "memo 0");
    model(b"j\xff\xff\xff\xff.", "memo 4294967295");
    model(b"X\xff\xff\xff\xffabc.", "truncated");
    model(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "truncated");
    model(&[&b"\x8a\xff"[..], &[7; 255], b"."].concat(), "an integer of 255 bytes");
    model(b"NQ.", "no tuple");
    model(b")Q.", "no storage");
    model(b"N)R.", "what is no name");
    model(b"ccollections\nOrderedDict\nN\x85R.", "OrderedDict");
    model(&[REBUILD, b")R."].concat(), "RebuildTensor");
    model(&vec![b'('; 10_000], "truncated");
    model(b"cx", "a name has no end");
}

/// A tuple of `w`'s view and many more, as the arguments of as many calls as there are.
fn many_calls() -> Vec<u8> {
    let head = &view(3, 0, &[3], &[1])[..];
    let view = &head[b"\x80\x02}(X\x01\x00\x00\x00w".len()..head.len() - 2];
    let arguments = [&b"("[..], view, &vec![b'N'; 60_000], b"tq\x01"].concat();
    let call = b"ctorch._utils\n_rebuild_parameter\nh\x01R0";
    [&b"\x80\x02}"[..], &arguments, b"0", &call.repeat(200_000), b"."].concat()
}

#[test]
fn short_pickles_do_not_make_much_of_little() {
    let model = |pickle: &[u8], message| check_refused(&with_pickle(pickle), ErrorKind::Model, message);
    model(&vec![b'('; 100_000], "more marks");
    model(&[vec![b'N'; 100_000], b".".to_vec()].concat(), "more values");
    model(&[b"N0".repeat(2_000_000), b".".to_vec()].concat(), "too many steps");
    model(&[b")0".repeat(1 << 20), b".".to_vec()].concat(), "more values");
    model(&[vec![b'}'], vec![0x85; 1 << 20], b".".to_vec()].concat(), "more values");
    // A long name that is set again and again, and a storage of such a name.
    let long = [&b"X"[..], &1_000_000u32.to_le_bytes(), &vec![b'n'; 1_000_000]].concat();
    let tensor = &view(3, 0, &[3], &[1])[b"\x80\x02}(X\x01\x00\x00\x00w".len()..];
    let tensor = &tensor[..tensor.len() - 2];
    let often = [&b"}"[..], &long, b"q\x010", tensor, b"q\x020", &b"h\x01h\x02s".repeat(10_000), b"."].concat();
    assert_eq!(open(&with_pickle(&often)).unwrap().names().count(), 0);
    let key = [&STORAGE[..STORAGE.len() - 14], &long, b"X\x03\x00\x00\x00cpu", &number(3), b"tQ."].concat();
    model(&key, "no storage");
    // One tensor under many names, and many tensors.
    let rebuilt = [REBUILD, b"q\x01", &tensor[REBUILD.len()..tensor.len() - 1], b"q\x02R0"].concat();
    model(&[&rebuilt[..], &b"h\x01h\x02R0".repeat(200_000), b"."].concat(), "more tensors");
    let started = Instant::now();
    assert_eq!(open(&with_pickle(&many_calls())).unwrap().names().count(), 0);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn nesting_and_circles_cost_nothing() {
    let deep = [&b"}X\x01\x00\x00\x00a)"[..], &vec![0x85; 200_000], b"s."].concat();
    assert_eq!(open(&with_pickle(&deep)).unwrap().names().count(), 0);
    // A dictionary that holds itself, and a list of it.
    let circular = b"}q\x00X\x01\x00\x00\x00ah\x00sX\x01\x00\x00\x00b]h\x00as.";
    assert_eq!(open(&with_pickle(circular)).unwrap().names().count(), 0);
}

#[test]
fn archives_that_lie_are_refused() {
    let good = view(3, 0, &[3], &[1]);
    let storage = Part::plain("m/data/0", &[0; 12]);
    for with_long_fields in [false, true] {
        let parts = [Part::plain("m/data.pkl", &good), Part::plain("m/data/0", &[0; 12])];
        let weights = open(&archive(&parts, with_long_fields)).unwrap();
        weights.read_f32("w", &mut Vec::new()).unwrap();
    }
    let check = |parts: &[Part<'_>], message| check_refused(&archive(parts, false), ErrorKind::Model, message);
    check(&[storage], "exactly one `data.pkl`");
    check(&[Part::plain("m/data.pkl", &good), Part::plain("n/data.pkl", &good)], "exactly one `data.pkl`");
    check(&[Part::plain("m/data.pkl", &good), Part::plain("m/data.pkl", &good)], "there twice");
    check(&[Part::plain("m/data.pkl", &good)], "no member `m/data/0`");
    check(&[Part { method: 8, ..Part::plain("m/data.pkl", &good) }], "compressed");
    check(&[Part { flags: 1, ..Part::plain("m/data.pkl", &good) }], "encrypted");
    let parts = [Part::plain("m/data.pkl", &good), Part::plain("m/byteorder", b"big")];
    check_refused(&archive(&parts, false), ErrorKind::Unsupported, "the other way round");
    check_refused(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46", ErrorKind::Unsupported, "before version 1.6");
    check_refused(b"PK\x03\x04", ErrorKind::Model, "truncated");
    let whole = archive(&[Part::plain("m/data.pkl", &good), Part::plain("m/data/0", &[0; 12])], false);
    let end = whole.len() - 22;
    for (at, message) in [(end + 12, "outside"), (end + 16, "outside")] {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
        check_refused(&bytes, ErrorKind::Model, message);
        bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
        check_refused(&bytes, ErrorKind::Model, "64-bit record");
    }
}

#[test]
fn a_part_of_a_file_is_no_file() {
    let (whole, folder) = (tiny(), tempfile::tempdir().unwrap());
    for len in 4..whole.len() {
        let err = open_in(folder.path(), &whole[..len]).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Model, "{len} bytes: {}", err.to_text());
    }
}

/// Reads every tensor that there is.
fn read_all(weights: &Weights) {
    for name in weights.names() {
        let _ = (weights.read_f32(name, &mut Vec::new()), weights.read_raw(name), weights.place(name));
    }
}

#[test]
fn no_single_byte_can_crash_reading() {
    let (whole, folder) = (tiny(), tempfile::tempdir().unwrap());
    let mut n_refused = 0;
    // Between members, the writer has put a gap of these.
    for idx in (0..whole.len()).filter(|&idx| whole[idx] != b'Z') {
        for byte in [0, b'(', 0xff] {
            let mut bytes = whole.clone();
            bytes[idx] = byte;
            match open_in(folder.path(), &bytes) {
                Ok(weights) => read_all(&weights),
                Err(_) => n_refused += 1,
            }
        }
    }
    assert!(n_refused > 1000, "{n_refused}");
}

/// Programs made of the operations that exist, with arguments that are mostly nonsense.
#[test]
fn no_program_can_crash_reading() {
    let pieces: Vec<Vec<u8>> =
        [&b"("[..], b"}", b"]", b")", b"N", b"K\x03", b"t", b"\x85", b"\x86", b"\x87", b"s", b"u"]
            .into_iter()
            .chain([&b"q\x00"[..], b"h\x00", b"0", b"1", b"2", b"Q", b"R", b"b", b"a", b"e", b"\x94", REBUILD, STORAGE])
            .chain([&b"ccollections\nOrderedDict\n"[..], b"X\x01\x00\x00\x00w", b"ctorch._utils\n_rebuild_parameter\n"])
            .map(<[u8]>::to_vec)
            .chain([number(3), tuple(&[3]), tuple(&[1]), view(3, 0, &[3], &[1])[..60].to_vec()])
            .collect();
    // A generator of Lehmer's kind is random enough, and the same every time.
    let mut state = 1u64;
    let mut next = |n: usize| {
        state = state * 48_271 % 0x7fff_ffff;
        state as usize % n
    };
    let mut n_dictionaries = 0;
    for _ in 0..20_000 {
        let program: Vec<u8> = (0..=next(30)).flat_map(|_| pieces[next(pieces.len())].clone()).collect();
        n_dictionaries += usize::from(pickle::read(&[&b"}"[..], &program, b"."].concat()).is_ok());
    }
    assert!(n_dictionaries > 10, "{n_dictionaries}");
}
