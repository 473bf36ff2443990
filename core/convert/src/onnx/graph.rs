//! A graph as it grows: nodes, and the tensors they refer to.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    proto::Message,
    schema::{
        self, Attribute, ElementType, Extent, GRAPH_INPUT, GRAPH_NAME, GRAPH_NODE, GRAPH_OUTPUT, GRAPH_VALUE_INFO,
    },
    tensor::{Contents, Tensor},
};

/// Name of a value in the graph.
pub(crate) type Value = Rc<str>;

/// A graph under construction; `'a` is the life of the weights it refers to.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    nodes: Vec<Node>,
    tensors: Vec<Tensor<'a>>,
    /// Encoded `GraphProto` fields: inputs, outputs and declared shapes.
    declarations: Message,
    constants: BTreeMap<String, Value>,
    /// Values that are outputs of the graph under another name.
    outputs: BTreeMap<Value, Value>,
    names: BTreeSet<Value>,
    scope: String,
}

/// A node with one output, which bears the node's name.
#[derive(Debug)]
struct Node {
    name: Value,
    op: &'static str,
    inputs: Vec<Value>,
    attributes: Message,
}

impl<'a> Graph<'a> {
    /// Prefix of the names of the nodes that follow.
    pub(crate) fn set_scope(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Adds a node with one output, named after the scope and the operator.
    pub(crate) fn node(&mut self, op: &'static str, inputs: &[&Value], attributes: &[Attribute<'_>]) -> Value {
        let name = self.unique(&format!("{}/{op}", self.scope));
        let inputs = inputs.iter().copied().cloned().collect();
        self.nodes.push(Node { name: name.clone(), op, inputs, attributes: schema::attributes(attributes) });
        name
    }

    /// Adds a graph input.
    pub(crate) fn input(&mut self, name: &str, element_type: ElementType, shape: &[Extent]) -> Value {
        self.describe(GRAPH_INPUT, name, element_type, shape);
        self.unique(name)
    }

    /// Makes a float computed by a node an output of the graph under the name `name`.
    pub(crate) fn output(&mut self, name: &str, value: &Value, shape: &[Extent]) {
        self.describe(GRAPH_OUTPUT, name, ElementType::F32, shape);
        let output = self.unique(name);
        self.outputs.insert(value.clone(), output);
    }

    /// States the shape of a value, for readers that cannot infer it.
    pub(crate) fn declare(&mut self, value: &Value, element_type: ElementType, shape: &[Extent]) {
        self.describe(GRAPH_VALUE_INFO, value, element_type, shape);
    }

    /// Adds a weight that is read when the file is written.
    pub(crate) fn weight(&mut self, mut tensor: Tensor<'a>) -> Value {
        tensor.name = self.unique(&tensor.name);
        let name = tensor.name.clone();
        self.tensors.push(tensor);
        name
    }

    /// A vector of integers: shapes and axes.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Value {
        let text: Vec<String> = values.iter().map(i64::to_string).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(format!("constant.i64.{}", text.join("_")), ElementType::I64, vec![values.len()], bytes)
    }

    /// An integer without axes.
    pub(crate) fn int(&mut self, value: i64) -> Value {
        self.constant(format!("constant.i64.{value}.scalar"), ElementType::I64, vec![], value.to_le_bytes().to_vec())
    }

    /// A float without axes.
    pub(crate) fn float(&mut self, value: f32) -> Value {
        self.constant(format!("constant.f32.{value:e}"), ElementType::F32, vec![], value.to_le_bytes().to_vec())
    }

    /// The fields of the graph that come before and after its tensors, and the tensors.
    pub(crate) fn into_parts(self, name: &str) -> (Message, Vec<Tensor<'a>>, Message) {
        let renamed = |value: &Value| self.outputs.get(value).unwrap_or(value).clone();
        let nodes = self.nodes.iter().fold(Message::new(), |message, node| {
            let inputs: Vec<Value> = node.inputs.iter().map(renamed).collect();
            let output = renamed(&node.name);
            let Node { name, op, attributes, .. } = node;
            message
                .message(GRAPH_NODE, &schema::Node { name, op, inputs: &inputs, output: &output, attributes }.encode())
        });
        (nodes.text(GRAPH_NAME, name), self.tensors, self.declarations)
    }

    /// Each constant exists once, however often it is used.
    fn constant(&mut self, name: String, element_type: ElementType, dims: Vec<usize>, bytes: Vec<u8>) -> Value {
        if let Some(known) = self.constants.get(&name) {
            return known.clone();
        }
        let value = self.unique(&name);
        self.tensors.push(Tensor { name: value.clone(), dims, contents: Contents::Constant { element_type, bytes } });
        self.constants.insert(name, value.clone());
        value
    }

    fn describe(&mut self, field: u32, name: &str, element_type: ElementType, shape: &[Extent]) {
        let declarations = std::mem::take(&mut self.declarations);
        self.declarations = declarations.message(field, &schema::value_info(name, element_type, shape));
    }

    fn unique(&mut self, name: &str) -> Value {
        let mut candidate: Value = name.into();
        for idx in 1.. {
            if self.names.insert(candidate.clone()) {
                break;
            }
            candidate = format!("{name}_{idx}").into();
        }
        candidate
    }
}
