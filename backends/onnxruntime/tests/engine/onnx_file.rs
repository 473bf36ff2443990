//! Writes small ONNX files by hand (field numbers of `onnx.proto`), so that the tests need no converter.

/// Element types of `TensorProto.DataType`.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const INT32: u64 = 6;
pub(crate) const INT64: u64 = 7;
pub(crate) const FLOAT16: u64 = 10;

/// A graph under construction.
#[derive(Default)]
pub(crate) struct GraphFile {
    nodes: Vec<u8>,
    initializers: Vec<u8>,
    inputs: Vec<u8>,
    outputs: Vec<u8>,
}

impl GraphFile {
    /// Adds a node; its attributes are integers or lists of them.
    pub(crate) fn node(mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[i64])]) -> Self {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 4, op.as_bytes());
        for (name, values) in attributes {
            let is_list = name.ends_with('s') && *name != "keepdims";
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            values.iter().for_each(|&value| varint(&mut attribute, if is_list { 8 } else { 3 }, value.cast_unsigned()));
            varint(&mut attribute, 20, if is_list { 7 } else { 2 });
            bytes(&mut node, 5, &attribute);
        }
        bytes(&mut self.nodes, 1, &node);
        self
    }

    /// Adds a tensor of weights.
    pub(crate) fn weights(mut self, name: &str, shape: &[u64], values: &[f32]) -> Self {
        let mut tensor = Vec::new();
        shape.iter().for_each(|&extent| varint(&mut tensor, 1, extent));
        varint(&mut tensor, 2, FLOAT);
        bytes(&mut tensor, 8, name.as_bytes());
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(&mut tensor, 9, &raw);
        bytes(&mut self.initializers, 5, &tensor);
        self
    }

    /// Adds a tensor of weights that are all there is in a file.
    pub(crate) fn weights_in(mut self, file: &str, name: &str, shape: &[u64]) -> Self {
        let (mut tensor, mut entry) = (Vec::new(), Vec::new());
        shape.iter().for_each(|&extent| varint(&mut tensor, 1, extent));
        varint(&mut tensor, 2, FLOAT);
        bytes(&mut tensor, 8, name.as_bytes());
        bytes(&mut entry, 1, b"location");
        bytes(&mut entry, 2, file.as_bytes());
        bytes(&mut tensor, 13, &entry);
        varint(&mut tensor, 14, 1);
        bytes(&mut self.initializers, 5, &tensor);
        self
    }

    /// Adds an input; an axis is its extent or, in letters, open.
    pub(crate) fn input(mut self, name: &str, element: u64, axes: &[&str]) -> Self {
        bytes(&mut self.inputs, 11, &port(name, element, axes));
        self
    }

    /// Adds an output.
    pub(crate) fn output(mut self, name: &str, element: u64, axes: &[&str]) -> Self {
        bytes(&mut self.outputs, 12, &port(name, element, axes));
        self
    }

    /// The file: intermediate representation 8, operator set 17.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut graph = self.nodes;
        bytes(&mut graph, 2, b"test");
        graph.extend(self.initializers);
        graph.extend(self.inputs);
        graph.extend(self.outputs);
        let mut opset = Vec::new();
        varint(&mut opset, 2, 17);
        let mut model = Vec::new();
        varint(&mut model, 1, 8);
        bytes(&mut model, 7, &graph);
        bytes(&mut model, 8, &opset);
        model
    }
}

fn port(name: &str, element: u64, axes: &[&str]) -> Vec<u8> {
    let mut shape = Vec::new();
    for axis in axes {
        let mut dim = Vec::new();
        match axis.parse() {
            Ok(extent) => varint(&mut dim, 1, extent),
            Err(_) => bytes(&mut dim, 2, axis.as_bytes()),
        }
        bytes(&mut shape, 1, &dim);
    }
    let (mut tensor, mut kind, mut port) = (Vec::new(), Vec::new(), Vec::new());
    varint(&mut tensor, 1, element);
    bytes(&mut tensor, 2, &shape);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut port, 1, name.as_bytes());
    bytes(&mut port, 2, &kind);
    port
}

fn varint(out: &mut Vec<u8>, field: u64, value: u64) {
    number(out, field << 3);
    number(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    number(out, field << 3 | 2);
    number(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
