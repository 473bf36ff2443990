//! A graph as it grows: nodes, and the tensors they refer to.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use drivetrain_architectures::StoredWeight;

use super::{
    form::Form,
    fused::Contributed,
    int8::{Int8Input, Int8Weight},
    proto::Message,
    schema::{
        self, Attribute, ElementType, Extent, GRAPH_INPUT, GRAPH_NAME, GRAPH_NODE, GRAPH_OUTPUT, GRAPH_VALUE_INFO,
    },
    sites::Sites,
    tensor::{Contents, Tensor},
};

/// Name of a value in the graph.
pub(crate) type Value = Rc<str>;

/// A graph under construction; `'a` is the life of the weights it refers to.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    nodes: Vec<Node>,
    tensors: Vec<Tensor<'a>>,
    /// Encoded `GraphProto` fields: inputs and outputs.
    declarations: Message,
    /// Shapes that were stated of values inside the graph, encoded.
    shapes: BTreeMap<Value, Message>,
    constants: BTreeMap<String, Value>,
    /// Values that are outputs of the graph under another name.
    outputs: BTreeMap<Value, Value>,
    names: BTreeSet<Value>,
    scope: String,
    /// What is known of values beyond their names.
    facts: BTreeMap<Value, Facts>,
    /// How weights are stored and multiplied.
    pub(super) form: Rc<Form>,
    /// Operators beyond the standard.
    pub(super) contributed: Contributed,
    /// Weights that were loaded, by their handles; they become tensors when they are used.
    pub(super) weights: BTreeMap<Value, StoredWeight<'a>>,
    /// What linear layers multiply, in the order of the graph.
    pub(super) sites: Sites<Value>,
    /// Inputs of linear layers in 8-bit integers, by what they were made of.
    pub(super) int8_inputs: BTreeMap<Value, Int8Input>,
    /// Weights in 8-bit integers, by their names in the graph.
    pub(super) int8_weights: BTreeMap<String, Int8Weight>,
    /// Integer masks by what [`Ops::attention_mask`] made of them.
    pub(super) padding: BTreeMap<Value, Value>,
    /// Indices for each head of each text, by the index they are made of.
    pub(super) expanded: BTreeMap<Value, Value>,
}

/// A node; its first output bears the node's name.
#[derive(Debug)]
struct Node {
    op: &'static str,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    attributes: Message,
}

/// What is known of a computed value; nodes pass it on from their inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// It is in half precision, of the kind the graph computes in.
    pub(super) is_half: bool,
    /// It is of a text rather than of a token.
    pub(super) is_pooled: bool,
    /// It is made of weights alone. Only what can be multiplied by a linear layer takes note of it.
    pub(super) is_of_weights: bool,
}

impl<'a> Graph<'a> {
    /// Prefix of the names of the nodes that follow.
    pub(crate) fn set_scope(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Adds a node with one output, named after the scope and the operator.
    pub(crate) fn node(&mut self, op: &'static str, inputs: &[&Value], attributes: &[Attribute<'_>]) -> Value {
        let [output] = self.node_with_outputs(op, inputs, attributes);
        output
    }

    /// The same with several outputs.
    pub(crate) fn node_with_outputs<const N: usize>(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[Attribute<'_>],
    ) -> [Value; N] {
        let outputs: [Value; N] = std::array::from_fn(|_| self.unique(&format!("{}/{op}", self.scope)));
        let facts = inputs.iter().fold(Facts::default(), |facts, input| facts.or(self.facts(input)));
        outputs.iter().for_each(|output| self.set_facts(output, facts));
        let inputs = inputs.iter().copied().cloned().collect();
        self.nodes.push(Node { op, inputs, outputs: outputs.to_vec(), attributes: schema::attributes(attributes) });
        outputs
    }

    /// What is known of a value.
    pub(super) fn facts(&self, value: &Value) -> Facts {
        self.facts.get(value).copied().unwrap_or_default()
    }

    /// Says what is known of a value, in place of what its node's inputs say.
    pub(super) fn set_facts(&mut self, value: &Value, facts: Facts) {
        if facts == Facts::default() {
            self.facts.remove(value);
        } else {
            self.facts.insert(value.clone(), facts);
        }
    }

    /// A graph without nodes, of which weights and values are to have this form.
    pub(crate) fn new(form: Form, contributed: Contributed) -> Self {
        Self { form: Rc::new(form), contributed, ..Self::default() }
    }

    /// Adds a graph input.
    pub(crate) fn input(&mut self, name: &str, element_type: ElementType, shape: &[Extent]) -> Value {
        self.describe(GRAPH_INPUT, name, element_type, shape);
        self.unique(name)
    }

    /// Makes a float computed by a node an output of the graph under the name `name`, in 32 bits.
    pub(crate) fn output(&mut self, name: &str, value: &Value, shape: &[Extent]) {
        let value = self.widened(value);
        self.describe(GRAPH_OUTPUT, name, ElementType::F32, shape);
        let output = self.unique(name);
        self.outputs.insert(value, output);
    }

    /// States the shape of a value, for readers that cannot infer it.
    pub(crate) fn declare(&mut self, value: &Value, element_type: ElementType, shape: &[Extent]) {
        self.shapes.insert(value.clone(), schema::value_info(value, element_type, shape));
    }

    /// Adds a tensor under a name that [`Graph::unique`] gave.
    pub(super) fn add_tensor(&mut self, tensor: Tensor<'a>) {
        self.tensors.push(tensor);
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has_tensor(&self, name: &Value) -> bool {
        self.tensors.iter().any(|tensor| tensor.name == *name)
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

    /// Floats of a shape, under a name that says what they are.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name.to_owned(), ElementType::F32, shape.to_vec(), bytes)
    }

    /// The fields of the graph that come before and after its tensors, and the tensors. What no output needs is left
    /// out.
    pub(crate) fn into_parts(self, name: &str) -> Parts<'a> {
        let needed = self.needed();
        let is_needed = |node: &&Node| node.outputs.iter().any(|output| needed.contains(output));
        let renamed = |value: &Value| self.outputs.get(value).unwrap_or(value).clone();
        let head = self.nodes.iter().filter(is_needed).fold(Message::new(), |message, node| {
            let inputs: Vec<Value> = node.inputs.iter().map(renamed).collect();
            let outputs: Vec<Value> = node.outputs.iter().map(renamed).collect();
            let (Node { op, attributes, .. }, name) = (node, &node.outputs[0]);
            message.message(
                GRAPH_NODE,
                &schema::Node { name, op, inputs: &inputs, outputs: &outputs, attributes }.encode(),
            )
        });
        let shapes = self.shapes.iter().filter(|(value, _)| needed.contains(*value));
        let tail = shapes.fold(self.declarations, |message, (_, shape)| message.message(GRAPH_VALUE_INFO, shape));
        let contributed = self.nodes.iter().filter(is_needed).any(|node| schema::is_contributed(node.op));
        let tensors = self.tensors.into_iter().filter(|tensor| needed.contains(&tensor.name)).collect();
        Parts { head: head.text(GRAPH_NAME, name), tensors, tail, contributed }
    }

    /// Every value that an output is computed from: nodes stand behind those whose outputs they use.
    fn needed(&self) -> BTreeSet<Value> {
        let mut needed: BTreeSet<Value> = self.outputs.keys().cloned().collect();
        for node in self.nodes.iter().rev() {
            if node.outputs.iter().any(|output| needed.contains(output)) {
                needed.extend(node.inputs.iter().cloned());
            }
        }
        needed
    }

    /// Each constant exists once, however often it is used.
    pub(super) fn constant(
        &mut self,
        name: String,
        element_type: ElementType,
        dims: Vec<usize>,
        bytes: Vec<u8>,
    ) -> Value {
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

    pub(super) fn unique(&mut self, name: &str) -> Value {
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

/// A finished graph, apart from the contents of its tensors.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// Fields of the graph before its tensors.
    pub(crate) head: Message,
    pub(crate) tensors: Vec<Tensor<'a>>,
    /// Fields of the graph after its tensors.
    pub(crate) tail: Message,
    /// Whether there are operators of ONNX Runtime's own.
    pub(crate) contributed: bool,
}

impl Facts {
    /// What follows for a value made of two.
    fn or(self, other: Self) -> Self {
        let (is_half, is_pooled) = (self.is_half || other.is_half, self.is_pooled || other.is_pooled);
        Self { is_half, is_pooled, is_of_weights: false }
    }
}
