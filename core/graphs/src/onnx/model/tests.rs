//! ONNX files: sound ones, and many that lie.

use std::{
    fs,
    io::Cursor,
    path::Path,
    time::{Duration, Instant},
};

use super::*;

/// A field that is a message, a text or bytes.
fn part(number: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(number << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn int(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn node(inputs: &[&str], outputs: &[&str], op: &str) -> Vec<u8> {
    let names = |number, names: &[&str]| names.iter().flat_map(|name| part(number, name)).collect::<Vec<u8>>();
    part(1, [names(1, inputs), names(2, outputs), part(4, op)].concat())
}

/// A node `If` whose one branch is this graph.
fn with_graph(outputs: &[&str], graph: &[u8]) -> Vec<u8> {
    let outputs = outputs.iter().flat_map(|name| part(2, name)).collect::<Vec<u8>>();
    part(1, [outputs, part(4, "If"), part(5, [part(1, "then_branch"), part(6, graph)].concat())].concat())
}

fn model(graph: impl AsRef<[u8]>) -> Vec<u8> {
    [int(1, 8), part(7, graph)].concat()
}

/// An initializer of 32-bit floats with this shape and these fields.
fn tensor(shape: &[u64], fields: &[Vec<u8>]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|&extent| int(1, extent)).collect();
    part(5, [shape, int(2, 1), part(8, "w"), fields.concat()].concat())
}

fn in_memory(bytes: &[u8]) -> Result<()> {
    check(Cursor::new(bytes), bytes.len() as u64, "m.onnx", None)
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    let started = Instant::now();
    let text = in_memory(bytes).unwrap_err().to_text();
    assert!(text.contains("`m.onnx`") && text.contains(part), "{text}");
    assert!(started.elapsed() < Duration::from_secs(20), "{part}: {:?}", started.elapsed());
}

#[test]
fn sound_graphs_are_let_through() {
    let inner = [node(&["x", "w"], &["inside"], "Add"), part(12, part(1, "inside"))].concat();
    let graph = [
        // Out of order, with an input left out, and a value that is used twice.
        node(&["b", "", "b"], &["y"], "Concat"),
        node(&["x", "w"], &["b"], "MatMul"),
        with_graph(&["z"], &inner),
        part(2, "main"),
        tensor(&[2, 1], &[part(9, [0; 8])]),
        part(11, [part(1, "x"), part(2, [0x0a, 0])].concat()),
        part(12, part(1, "y")),
    ];
    in_memory(&[model(graph.concat()), part(8, int(2, 17)), part(14, part(1, "made by"))].concat()).unwrap();
    in_memory(&model("")).unwrap();
}

#[test]
fn what_is_no_model_is_refused() {
    for (bytes, part) in [
        (&b""[..], "holds no graph"),
        (b"not a graph", "wire type 6"),
        (&[0xff; 20], "has no end"),
        (&int(1, 8), "holds no graph"),
        (&[model(""), part(7, "")].concat(), "two graphs"),
    ] {
        refuses(bytes, part);
    }
    let whole = model([node(&["x"], &["y"], "Relu"), tensor(&[3], &[part(9, [0; 12])])].concat());
    in_memory(&whole).unwrap();
    for len in 0..whole.len() {
        assert!(in_memory(&whole[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn nothing_is_computed_from_itself() {
    refuses(&model(node(&["a"], &["a"], "Relu")), "`a` is computed from itself");
    let circle =
        [node(&["x", "c"], &["a"], "Add"), node(&["a"], &["b"], "Relu"), node(&["b"], &["c"], "Relu")].concat();
    refuses(&model(&circle), "is computed from itself");
    refuses(&model([node(&["c"], &["after"], "Relu"), circle].concat()), "is computed from itself");
    refuses(&model([node(&["x"], &["a"], "Relu"), node(&["x"], &["a"], "Exp")].concat()), "`a` is computed twice");
    // Through a graph inside a node.
    let inner = node(&["b"], &["c"], "Relu");
    refuses(&model([with_graph(&["a"], &inner), node(&["a"], &["b"], "Relu")].concat()), "is computed from itself");
    refuses(&model(with_graph(&["d"], &[inner, node(&["c"], &["b"], "Relu")].concat())), "is computed from itself");
}

#[test]
fn functions_end() {
    let function = |name: &str, calls: &[&str]| {
        let nodes: Vec<u8> = calls.iter().flat_map(|call| part(7, [part(4, call), part(7, "f")].concat())).collect();
        part(25, [part(1, name), nodes, part(10, "f")].concat())
    };
    let graph = model(part(1, [part(4, "f0"), part(7, "f")].concat()));
    let chain = |calls: usize, n: usize| {
        let link = |idx: usize| function(&format!("f{idx}"), &vec![format!("f{}", idx + 1).as_str(); calls]);
        [graph.clone(), (0..n).flat_map(link).collect()].concat()
    };
    in_memory(&chain(1, 1000)).unwrap();
    in_memory(&chain(2, 10)).unwrap();
    refuses(&chain(2, 64), "unfold");
    refuses(&chain(10, 7), "unfold");
    refuses(&[graph.clone(), function("f0", &["f0"])].concat(), "`f.f0` calls itself");
    refuses(&[graph.clone(), function("f0", &["f1"]), function("f1", &["f2", "f0"])].concat(), "calls itself");
    refuses(&[graph, function("f0", &[]), function("f0", &[])].concat(), "there twice");
    let body = part(25, [part(1, "g"), part(7, [part(1, "a"), part(2, "a")].concat())].concat());
    refuses(&[model(""), body].concat(), "`a` is computed from itself");
}

#[test]
fn graphs_inside_graphs_have_an_end() {
    let nested = |depth: usize| (0..depth).fold(Vec::new(), |inner, _| with_graph(&["x"], &inner));
    in_memory(&model(nested(20))).unwrap();
    refuses(&model(nested(40)), "inside each other");
    refuses(&model(nested(10_000)), "inside each other");
    let twice = [part(1, "a"), part(6, ""), part(6, "")].concat();
    refuses(&model(part(1, part(5, twice))), "two values");
}

#[test]
fn tensors_have_the_bytes_that_their_shapes_say() {
    for fields in
        [vec![part(9, [0; 24])], vec![part(4, [0; 24])], (0..6).map(|_| [&[0x25][..], &[0; 4]].concat()).collect()]
    {
        in_memory(&model(tensor(&[2, 3], &fields))).unwrap();
    }
    in_memory(&model(tensor(&[0, 3], &[]))).unwrap();
    in_memory(&model(tensor(&[], &[part(9, [0; 4])]))).unwrap();
    let raw = |shape: &[u64], n_bytes: usize| model(tensor(shape, &[part(9, vec![0; n_bytes])]));
    refuses(&raw(&[2, 3], 23), "tensor `w` has 23 bytes, 6 elements need others");
    refuses(&raw(&[2, 3], 25), "25 bytes");
    refuses(&raw(&[1 << 40], 4), "4 bytes");
    refuses(&raw(&[1 << 40, 1 << 40], 4), "more elements than can be counted");
    refuses(&raw(&[1 << 40, 1 << 40, 0], 0), "more elements than can be counted");
    refuses(&raw(&[u64::MAX], 4), "an extent of -1");
    refuses(&raw(&vec![1; 100], 4), "more than 64 axes");
    refuses(&model(tensor(&[], &[part(1, vec![1; 1_000_000])])), "more than 64 axes");
    refuses(&model(tensor(&[2, 3], &[])), "no bytes for them");
    refuses(&model(tensor(&[1 << 40], &[part(4, [0; 4])])), "no bytes for them");
    refuses(&model(tensor(&[1], &[part(9, [0; 4]), part(9, [0; 4])])), "twice");
    refuses(&model(part(5, [part(8, vec![b'x'; 5000])].concat())), "a name of 5000 bytes");
    // The value of a constant is a tensor too.
    let constant =
        part(5, [part(1, "value"), part(5, [int(1, 1 << 40), int(2, 1), part(9, [0; 4])].concat())].concat());
    refuses(&model(part(1, constant)), "4 bytes");
}

#[test]
fn zeros_that_are_left_out_have_to_fit() {
    let values = part(1, [int(1, 1), int(2, 1), part(8, "s"), part(9, [0; 4])].concat());
    let indices = part(2, [int(1, 1), int(2, 7), part(9, [0; 8])].concat());
    let sparse = |shape: &[u64]| {
        let shape: Vec<u8> = shape.iter().flat_map(|&extent| int(3, extent)).collect();
        model(part(15, [values.clone(), indices.clone(), shape].concat()))
    };
    in_memory(&sparse(&[100, 100])).unwrap();
    refuses(&sparse(&[1 << 20, 1 << 20]), "`s` has more zeros");
}

#[test]
fn many_short_fields_take_neither_time_nor_memory() {
    refuses(&model([0x0a, 0].repeat(2_000_000)), "more than 1048576 fields");
    let long = "x".repeat(4000);
    let names: Vec<u8> = (0..10_000).flat_map(|idx| part(11, part(1, format!("{long}{idx}")))).collect();
    refuses(&model(names), "names");
}

fn elsewhere(entries: &[(&str, &str)]) -> Vec<u8> {
    model(placed(entries))
}

/// An initializer of two floats that are elsewhere.
fn placed(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| part(13, [part(1, key), part(2, value)].concat());
    let mut fields: Vec<Vec<u8>> = entries.iter().map(entry).collect();
    fields.push(int(14, 1));
    tensor(&[2], &fields)
}

#[test]
fn weights_elsewhere_are_beside_the_graph() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    fs::write(folder.path().join("m.onnx_data"), [0; 16]).unwrap();
    let try_in_file = |entries: &[(&str, &str)]| {
        let bytes = elsewhere(entries);
        fs::write(&path, &bytes).unwrap();
        check(fs::File::open(&path).unwrap(), bytes.len() as u64, &path.display().to_string(), Some(&path))
    };
    let refuses_in_file = |entries: &[(&str, &str)], part: &str| {
        let text = try_in_file(entries).unwrap_err().to_text();
        assert!(text.contains("m.onnx`") && text.contains(part), "{text}");
    };
    let data = ("location", "m.onnx_data");
    for entries in [&[data][..], &[data, ("offset", "8"), ("length", "8")], &[data, ("checksum", "x"), ("offset", "8")]]
    {
        try_in_file(entries).unwrap();
    }
    for (entries, part) in [
        (&[data, ("offset", "9")][..], "lies outside `m.onnx_data`, which has 16 bytes"),
        (&[data, ("offset", "18446744073709551615")], "lies outside"),
        (&[data, ("offset", "-1")], "is at `-1`"),
        (&[data, ("length", "4")], "takes 4 bytes of `m.onnx_data`, its shape needs others"),
        (&[data, data], "says twice"),
        (&[data, ("location", "other")], "says twice"),
        (&[("offset", "0")], "without a name"),
        (&[("location", "../../etc/passwd")], "`../../etc/passwd`, which is not a file beside it"),
        (&[("location", "/etc/passwd")], "not a file beside it"),
        (&[("location", "*/_ORT_MEM_ADDR_/*"), ("offset", "4096")], "missing"),
        (&[("location", "none")], "missing"),
    ] {
        refuses_in_file(entries, part);
    }
    refuses(&elsewhere(&[data]), "takes weights from the file `m.onnx_data`");
    // Named but not used: the tensor's bytes are in the graph.
    let unused = part(13, [part(1, "location"), part(2, "/etc/passwd")].concat());
    in_memory(&model(tensor(&[1], &[unused, part(9, [0; 4])]))).unwrap();
}

#[test]
fn weights_in_many_files_are_looked_up_once_each() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("d"), [0; 8]).unwrap();
    let file = |idx: usize| placed(&[("location", &format!("{}d", "./".repeat(idx % 2000)))]);
    let graph = model((0..20_000).flat_map(file).collect::<Vec<u8>>());
    let path: &Path = &folder.path().join("m.onnx");
    fs::write(path, &graph).unwrap();
    let started = Instant::now();
    check(Cursor::new(&graph), graph.len() as u64, "m.onnx", Some(path)).unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
