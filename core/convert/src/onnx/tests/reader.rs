//! Just enough of a reader of ONNX files to check what was written.

use std::{collections::BTreeMap, fs, path::Path};

/// A field of a message: an integer, a 32-bit word or bytes.
#[derive(Clone, Debug)]
enum Field {
    Int(u64),
    Word,
    Bytes(Vec<u8>),
}

/// A message as its fields in order.
#[derive(Clone, Debug)]
struct Fields(Vec<(u32, Field)>);

impl Fields {
    fn read(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Int(varint(&mut bytes)),
                2 => {
                    let len = varint(&mut bytes) as usize;
                    Field::Bytes(bytes.split_off(..len).expect("a field ends inside its message").to_vec())
                }
                5 => bytes.split_off(..4).map(|_| Field::Word).expect("a word ends inside its message"),
                other => panic!("wire type {other}"),
            };
            fields.push(((tag >> 3) as u32, field));
        }
        Self(fields)
    }

    fn all(&self, number: u32) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(move |(found, field)| match field {
            Field::Bytes(bytes) if *found == number => Some(&**bytes),
            _ => None,
        })
    }

    fn messages(&self, number: u32) -> impl Iterator<Item = Fields> {
        self.all(number).map(Fields::read)
    }

    fn message(&self, number: u32) -> Fields {
        self.messages(number).next().unwrap()
    }

    fn texts(&self, number: u32) -> Vec<String> {
        self.all(number).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()).collect()
    }

    fn text(&self, number: u32) -> String {
        self.texts(number).first().cloned().unwrap_or_default()
    }

    fn ints(&self, number: u32) -> Vec<u64> {
        let int = |(found, field): &(u32, Field)| match field {
            Field::Int(value) if *found == number => Some(*value),
            _ => None,
        };
        self.0.iter().filter_map(int).collect()
    }

    /// The `StringStringEntryProto` messages of a field.
    fn entries(&self, number: u32) -> BTreeMap<String, String> {
        self.messages(number).map(|entry| (entry.text(1), entry.text(2))).collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = *bytes.split_off_first().expect("a number ends inside its message");
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) ir_version: u64,
    pub(super) opset: u64,
    /// Name and version of each operator set.
    pub(super) opsets: Vec<(String, u64)>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) nodes: Vec<Node>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    /// Name, element type and extents as text.
    pub(super) inputs: Vec<(String, u64, Vec<String>)>,
    pub(super) outputs: Vec<(String, u64, Vec<String>)>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) op: String,
    pub(super) domain: String,
    pub(super) name: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Tensor {
    pub(super) dims: Vec<u64>,
    pub(super) element_type: u64,
    pub(super) bytes: Vec<u8>,
    /// File and offset, if it is not in the model.
    pub(super) external: Option<(String, u64)>,
}

impl Tensor {
    pub(super) fn floats(&self) -> Vec<f32> {
        self.bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
    }
}

/// Reads a model and the data file it refers to.
pub(super) fn read(path: &Path) -> Model {
    let model = Fields::read(&fs::read(path).unwrap());
    let graph = model.message(7);
    let node = |node: Fields| Node {
        op: node.text(4),
        domain: node.text(7),
        name: node.text(3),
        inputs: node.texts(1),
        outputs: node.texts(2),
    };
    Model {
        ir_version: model.ints(1)[0],
        opset: model.message(8).ints(2)[0],
        opsets: model.messages(8).map(|opset| (opset.text(1), opset.ints(2)[0])).collect(),
        metadata: model.entries(14),
        nodes: graph.messages(1).map(node).collect(),
        tensors: graph.messages(5).map(|tensor| (tensor.text(8), read_tensor(&tensor, path))).collect(),
        inputs: graph.messages(11).map(|value| read_value(&value)).collect(),
        outputs: graph.messages(12).map(|value| read_value(&value)).collect(),
    }
}

fn read_tensor(tensor: &Fields, path: &Path) -> Tensor {
    let (dims, element_type) = (tensor.ints(1), tensor.ints(2)[0]);
    let entries = tensor.entries(13);
    if entries.is_empty() {
        let bytes = tensor.all(9).next().unwrap().to_vec();
        return Tensor { dims, element_type, bytes, external: None };
    }
    assert_eq!(tensor.ints(14), [1], "external data must be announced");
    let number = |key: &str| entries[key].parse::<u64>().unwrap();
    let data = fs::read(path.with_file_name(&entries["location"])).unwrap();
    let bytes = data[number("offset") as usize..][..number("length") as usize].to_vec();
    Tensor { dims, element_type, bytes, external: Some((entries["location"].clone(), number("offset"))) }
}

fn read_value(value: &Fields) -> (String, u64, Vec<String>) {
    let tensor = value.message(2).message(1);
    let extent = |extent: Fields| extent.ints(1).first().map_or_else(|| extent.text(2), u64::to_string);
    (value.text(1), tensor.ints(1)[0], tensor.message(2).messages(1).map(extent).collect())
}
