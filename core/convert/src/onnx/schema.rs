//! The messages of an ONNX file, with the field numbers of `onnx.proto`.
//!
//! Format: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use super::{graph::Value, proto::Message};

/// Version of the file format: the one that belongs to [`OPSET`].
pub(crate) const IR_VERSION: i64 = 8;

/// Version of the operator set: the first with `LayerNormalization`, and old enough for every reader we accept.
pub(crate) const OPSET: i64 = 17;

/// `GraphProto.node`
pub(crate) const GRAPH_NODE: u32 = 1;
/// `GraphProto.name`
pub(crate) const GRAPH_NAME: u32 = 2;
/// `GraphProto.initializer`
pub(crate) const GRAPH_INITIALIZER: u32 = 5;
/// `GraphProto.input`
pub(crate) const GRAPH_INPUT: u32 = 11;
/// `GraphProto.output`
pub(crate) const GRAPH_OUTPUT: u32 = 12;
/// `GraphProto.value_info`
pub(crate) const GRAPH_VALUE_INFO: u32 = 13;
/// `ModelProto.graph`
pub(crate) const MODEL_GRAPH: u32 = 7;

/// `TensorProto.DataType`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementType {
    F32 = 1,
    U8 = 2,
    I8 = 3,
    I32 = 6,
    I64 = 7,
    Bool = 9,
    F16 = 10,
    Bf16 = 16,
}

impl ElementType {
    /// Bytes of one element.
    pub(crate) fn n_bytes(self) -> u64 {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::U8 | Self::I8 | Self::Bool => 1,
        }
    }
}

/// An attribute of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Float(&'a str, f32),
}

/// `NodeProto`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) name: &'a str,
    pub(crate) op: &'a str,
    /// An empty name is an input that is left out.
    pub(crate) inputs: &'a [Value],
    pub(crate) outputs: &'a [Value],
    /// Encoded by [`attributes`].
    pub(crate) attributes: &'a Message,
}

impl Node<'_> {
    pub(crate) fn encode(&self) -> Message {
        let inputs = self.inputs.iter().fold(Message::new(), |message, input| message.text(1, input));
        let outputs = self.outputs.iter().fold(inputs, |message, output| message.text(2, output));
        let mut message = outputs.text(3, self.name).text(4, self.op);
        message.merge(self.attributes);
        if is_contributed(self.op) { message.text(7, CONTRIBUTED) } else { message }
    }
}

/// The operator set of what ONNX Runtime adds to the standard.
/// Source: <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md>.
const CONTRIBUTED: &str = "com.microsoft";

/// Whether an operator is one of ONNX Runtime's own, which no other engine need know.
pub(crate) fn is_contributed(op: &str) -> bool {
    matches!(op, "FastGelu" | "MultiHeadAttention")
}

/// The field `NodeProto.attribute`.
pub(crate) fn attributes(attributes: &[Attribute<'_>]) -> Message {
    attributes.iter().fold(Message::new(), |message, attribute| message.message(5, &attribute_proto(attribute)))
}

/// `AttributeProto`
fn attribute_proto(attribute: &Attribute<'_>) -> Message {
    const TYPE: u32 = 20;
    match *attribute {
        Attribute::Float(name, value) => Message::new().text(1, name).float(2, value).int(TYPE, 1),
        Attribute::Int(name, value) => Message::new().text(1, name).int(3, value).int(TYPE, 2),
        Attribute::Ints(name, values) => {
            let named = Message::new().text(1, name);
            values.iter().fold(named, |message, &value| message.int(8, value)).int(TYPE, 7)
        }
    }
}

/// An extent of an input or output.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    Fixed(usize),
    Named(&'static str),
}

/// Texts in a run.
pub(crate) const BATCH: Extent = Extent::Named("batch_size");
/// Tokens of each text in a run.
pub(crate) const SEQUENCE: Extent = Extent::Named("sequence_length");

/// `ValueInfoProto`
pub(crate) fn value_info(name: &str, element_type: ElementType, shape: &[Extent]) -> Message {
    let shape = shape.iter().fold(Message::new(), |message, extent| {
        let dimension = match *extent {
            Extent::Fixed(extent) => Message::new().int(1, extent as i64),
            Extent::Named(name) => Message::new().text(2, name),
        };
        message.message(1, &dimension)
    });
    let tensor_type = Message::new().int(1, element_type as i64).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor_type))
}

/// Where the bytes of a tensor are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Storage<'a> {
    /// In the message: `len` bytes, which the caller writes after it.
    Embedded { len: u64 },
    /// In another file in the same folder.
    External { file: &'a str, offset: u64, len: u64 },
}

/// `TensorProto`; an embedded tensor's bytes come after it and count towards its length.
pub(crate) fn tensor(name: &str, element_type: ElementType, dims: &[usize], storage: Storage<'_>) -> Message {
    const RAW_DATA: u32 = 9;
    const EXTERNAL_DATA: u32 = 13;
    const DATA_LOCATION: u32 = 14;
    let message = dims.iter().fold(Message::new(), |message, &extent| message.int(1, extent as i64));
    let message = message.int(2, element_type as i64).text(8, name);
    match storage {
        Storage::Embedded { len } => message.announce(RAW_DATA, len),
        Storage::External { file, offset, len } => message
            .message(EXTERNAL_DATA, &entry("location", file))
            .message(EXTERNAL_DATA, &entry("offset", &offset.to_string()))
            .message(EXTERNAL_DATA, &entry("length", &len.to_string()))
            .int(DATA_LOCATION, 1),
    }
}

/// The fields of `ModelProto` before the graph; `contributed` announces operators of ONNX Runtime's own.
pub(crate) fn model_head(contributed: bool) -> Message {
    let message = Message::new()
        .int(1, IR_VERSION)
        .text(2, "drivetrain")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(8, &Message::new().text(1, "").int(2, OPSET));
    match contributed {
        true => message.message(8, &Message::new().text(1, CONTRIBUTED).int(2, 1)),
        false => message,
    }
}

/// The field `ModelProto.metadata_props`.
pub(crate) fn metadata(entries: &[(&str, String)]) -> Message {
    entries.iter().fold(Message::new(), |message, (key, value)| message.message(14, &entry(key, value)))
}

/// `StringStringEntryProto`
fn entry(key: &str, value: &str) -> Message {
    Message::new().text(1, key).text(2, value)
}
