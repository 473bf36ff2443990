//! Files made to take much memory or time from little: each ends in an error, soon and at little cost.

use drivetrain::package::{Files, Weights};
use drivetrain_tests::wire::{int, part};

use crate::{
    case::{Target, put},
    onnx::read_onnx,
    package::read_package,
    torch::{read_file, read_pickle},
};

/// Checks that the file is refused with a message that holds this.
fn check(file: &'static str, bytes: &[u8], read: Read, message: &str) {
    let target = Target { name: file, seeds: Vec::new(), mend: |bytes| bytes, prepare: |_| {}, read };
    let folder = target.folder();
    put(&folder.path().join(file), bytes);
    let outcome = target.check(folder.path()).unwrap_or_else(|problem| panic!("{file}, {message}: {problem}"));
    let text = outcome.expect_err(message).to_text();
    assert!(text.contains(message), "{text}");
}

type Read = fn(&std::path::Path) -> Result<String, drivetrain::Error>;

const SAFETENSORS: &str = "model.safetensors";

/// A file with this header and no data.
fn with_header(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

#[test]
fn headers() {
    let check = |bytes: &[u8], message| {
        let read: Read = |folder| {
            Weights::open(&Files::Dir(folder.to_owned()), SAFETENSORS).map(|weights| weights.label().to_owned())
        };
        check(SAFETENSORS, bytes, read, message);
    };
    for length in [(1 << 63) - 1, 1 << 63, u64::MAX, 1 << 40] {
        check(&[&u64::to_le_bytes(length)[..], b"{}"].concat(), "header would have");
    }
    let entry = |shape: &str| format!("{{\"w\":{{\"dtype\":\"I8\",\"shape\":[{shape}],\"data_offsets\":[0,0]}}}}");
    check(&with_header(&entry(&"1,".repeat(5_000_000))), "not the JSON");
    check(&with_header(&entry("1000000000000,1000000000000,1000000000000")), "`w` of shape");
    check(&with_header(&entry(&"[".repeat(1_000_000))), "not the JSON");
    check(&with_header(&format!("{{\"{}\":1}}", "n".repeat(15_000_000))), "not the JSON");
    check(&with_header(&" ".repeat(16 << 20)), "not the JSON");
    let empty = |idx: u32| format!("\"{idx}\":{{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    let many: Vec<String> = (0..250_000).map(empty).collect();
    check(&with_header(&format!("{{{}}}", many.join(","))), "not the JSON");
}

const PICKLE: &str = "pickle";

#[test]
fn pickles() {
    let check = |bytes: &[u8], message| check(PICKLE, bytes, read_pickle, message);
    check(&[b'('; 4_000_000], "more marks");
    check(&[b'}'; 4_000_000], "more values");
    check(&b")0".repeat(4_000_000), "more values");
    check(&b"N0".repeat(4_000_000), "too many steps");
    check(&[&b")"[..], &[0x85; 4_000_000]].concat(), "more values");
    check(&[&b"N"[..], &[0x94; 4_000_000]].concat(), "too many steps");
    check(&b"X\x01\x00\x00\x00k0".repeat(1_000_000), "too many steps");
    check(&vec![b'N'; 20 << 20], "its `data.pkl` has");
    check(&[&b"c"[..], &[b'x'; 10_000_000]].concat(), "a name has no end");
    check(b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "`os.system`, which is not part of weights");
}

const ARCHIVE: &str = "pytorch_model.bin";

#[test]
fn archives() {
    let check = |bytes: &[u8], message| check(ARCHIVE, bytes, |folder| read_file(folder, ARCHIVE), message);
    // A record at the end that says how many members there are, how long their directory is and where it begins.
    let end = |n: u16, n_bytes: u32, offset: u32| {
        let counts = [&[0; 4][..], &n.to_le_bytes(), &n.to_le_bytes()].concat();
        [&b"PK\x05\x06"[..], &counts, &n_bytes.to_le_bytes(), &offset.to_le_bytes(), &[0, 0]].concat()
    };
    check(&[&b"PK\x03\x04"[..], &end(1, 0x7fff_ffff, 4)].concat(), "outside");
    check(&[&b"PK\x03\x04"[..], &vec![0; 9 << 20], &end(1, 9 << 20, 4)].concat(), "its directory has");
    // Members of which the directory says that they are larger than any file, or lie behind its end.
    let member = |n_bytes: u32, header: u32, method: u16| {
        let name = b"m/data.pkl";
        let sizes = [n_bytes.to_le_bytes(), n_bytes.to_le_bytes()].concat();
        let method = [&[0; 6][..], &method.to_le_bytes(), &[0; 8]].concat();
        let lengths = [&(name.len() as u16).to_le_bytes()[..], &[0; 12]].concat();
        let entry = [&b"PK\x01\x02"[..], &method, &sizes, &lengths, &header.to_le_bytes(), name].concat();
        let own = [&b"PK\x03\x04"[..], &[0; 22], &(name.len() as u16).to_le_bytes(), &[0; 2], name].concat();
        [&own[..], &entry, &end(1, entry.len() as u32, own.len() as u32)].concat()
    };
    check(&member(0x7fff_ffff, 0, 0), "lies outside");
    check(&member(0xffff_fffe, 0, 0), "lies outside");
    check(&member(10, 0x7fff_ffff, 0), "lies outside");
    check(&member(0x7fff_ffff, 0, 8), "compressed");
    check(&member(u32::MAX, 0, 0), "directory is broken");
    let many: Vec<u8> = [&b"PK\x01\x02"[..], &[0; 42]].concat().repeat(170_000);
    check(&[&b"PK\x03\x04"[..], &many, &end(1, many.len() as u32, 4)].concat(), "there twice");
}

#[test]
fn graphs() {
    let check = |bytes: &[u8], message| check("model.onnx", bytes, read_onnx, message);
    let model = |graph: &[u8]| part(7, graph);
    check(&model(&[0x0a, 0].repeat(5_000_000)), "fields");
    check(&model(&part(1, [0x0a, 0].repeat(5_000_000))), "fields");
    let named = |idx: u32| part(1, part(2, idx.to_string()));
    check(&model(&(0..700_000).flat_map(named).collect::<Vec<u8>>()), "names");
    let long = |idx: u32| part(1, part(2, format!("{idx}{}", "x".repeat(4000))));
    check(&model(&(0..20_000).flat_map(long).collect::<Vec<u8>>()), "names");
    check(&model(&part(1, part(2, vec![b'x'; 50_000_000]))), "a name of 50000000 bytes");
    let tensor = |shape: &[u8]| model(&part(5, [shape, &int(2, 1), &part(8, "w")].concat()));
    check(&tensor(&int(1, 1).repeat(1_000_000)), "more than 64 axes");
    check(&tensor(&part(1, vec![1; 10_000_000])), "more than 64 axes");
    check(&tensor(&int(1, 1_000_000_000_000_000_000)), "no bytes for them");
    check(&tensor(&int(1, 1_000_000_000_000_000_000).repeat(3)), "more elements than can be counted");
    let inside = |inner: Vec<u8>, _| part(1, part(5, part(6, inner)));
    check(&model(&(0..50_000).fold(Vec::new(), inside)), "inside each other");
    let nodes = |idx: u32| part(7, [part(4, format!("f{}", idx + 1)), part(7, "d")].concat()).repeat(10);
    let function = |idx: u32| part(25, [part(1, format!("f{idx}")), part(10, "d"), nodes(idx)].concat());
    let call = part(7, part(1, [part(4, "f0"), part(7, "d")].concat()));
    check(&[call, (0..1000).flat_map(function).collect()].concat(), "unfold");
}

#[test]
fn json() {
    for (contents, message) in [
        (format!("{{\"a\":[{}0]}}", "0,".repeat(5_000_000)), "more values"),
        (format!("{{\"a\":[{}]}}", "[],".repeat(200_000)), "not the JSON"),
        (format!("{{\"a\":{}", "[".repeat(500_000)), "not the JSON"),
        (format!("{{\"a\":{}", "{\"a\":".repeat(250_000)), "not the JSON"),
        (format!("{{\"{}", "x".repeat(15_000_000)), "not the JSON"),
        (format!("{{\"a\":\"{}\"}}", "x".repeat(17 << 20)), "such files have at most"),
        (format!("{{\"a\":{}}}", "9".repeat(10_000_000)), "config.json"),
    ] {
        check("config.json", contents.as_bytes(), read_package, message);
    }
    let modules = |n: usize| format!("[{}{{}}]", "{\"type\":\"sentence_transformers.models.Normalize\"},".repeat(n));
    check("modules.json", modules(10_000).as_bytes(), read_package, "lists 10001 modules");
}
