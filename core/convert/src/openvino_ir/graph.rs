//! A graph as it grows: layers, and the values that pass between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    rc::Rc,
};

use drivetrain_architectures::StoredWeight;

use super::{
    int8::Int8Weight,
    operation::{self, Operation},
};
use crate::onnx::{Contents, ElementType, Form, Sites, Tensor};

/// An output of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    /// Place of the layer in the graph.
    pub(super) layer: usize,
    /// Place among its outputs.
    pub(super) port: usize,
}

/// Handle of a weight: its name in the graph.
pub(super) type Weight = Rc<str>;

/// Names and values of a layer's attributes.
pub(super) type Attributes<'v> = &'v [(&'static str, &'v dyn Display)];

/// A graph under construction; `'a` is the life of the weights it refers to.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    layers: Vec<Layer<'a>>,
    /// Values that are outputs of the graph.
    outputs: Vec<Value>,
    /// Constants of the graph's own, by type, shape and bytes: each exists once, however often it is used.
    constants: BTreeMap<(&'static str, Vec<usize>, Vec<u8>), Value>,
    names: BTreeSet<Rc<str>>,
    scope: String,
    /// How weights are stored and multiplied.
    pub(super) form: Rc<Form>,
    /// Weights that were loaded; they become layers when they are used.
    pub(super) weights: BTreeMap<Weight, StoredWeight<'a>>,
    /// Weights that have become values.
    pub(super) values: BTreeMap<Weight, Value>,
    /// What linear layers multiply, in the order of the graph.
    pub(super) sites: Sites<Value>,
    /// What stands for the input of a linear layer where that is in 8-bit integers.
    pub(super) int8_inputs: BTreeMap<Value, Value>,
    /// Weights in 8-bit integers, by their names in the graph.
    pub(super) int8_weights: BTreeMap<String, Int8Weight>,
    /// Indices for each head of each text, by the index they are made of.
    pub(super) expanded: BTreeMap<Value, Value>,
}

/// A layer.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    /// Name, of which there is no other.
    pub(super) name: Rc<str>,
    pub(super) operation: Operation,
    pub(super) attributes: Vec<(&'static str, String)>,
    pub(super) inputs: Vec<Value>,
    pub(super) outputs: Vec<Port>,
    /// What a constant holds.
    pub(super) tensor: Option<Tensor<'a>>,
    /// Whether it does nothing but widen a weight, which a reader may then keep narrow.
    pub(super) decompresses: bool,
    facts: Facts,
}

/// An output of a layer.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) element_type: ElementType,
    /// Names by which those who run the graph know it.
    pub(super) names: Vec<&'static str>,
}

impl Port {
    fn of(element_type: ElementType) -> Self {
        Self { element_type, names: Vec::new() }
    }
}

/// What is known of a value besides its type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// It is of a text rather than of a token.
    pub(super) is_pooled: bool,
    /// It is made of weights alone. Only what can be multiplied by a linear layer takes note of it.
    pub(super) is_of_weights: bool,
}

impl<'a> Graph<'a> {
    /// A graph without layers, of which weights are to have this form.
    pub(super) fn new(form: Form) -> Self {
        Self { form: Rc::new(form), ..Self::default() }
    }

    /// Prefix of the names of the layers that follow.
    pub(super) fn set_scope(&mut self, scope: &str) {
        scope.clone_into(&mut self.scope);
    }

    /// Adds a layer whose output is of the type of its first input.
    pub(super) fn layer(&mut self, operation: Operation, inputs: &[Value], attributes: Attributes<'_>) -> Value {
        let element_type = inputs.first().map_or(ElementType::F32, |&input| self.element_type(input));
        self.typed_layer(operation, inputs, attributes, &[element_type])
    }

    /// Adds a layer with outputs of these types and gives the first of them.
    pub(super) fn typed_layer(
        &mut self,
        operation: Operation,
        inputs: &[Value],
        attributes: Attributes<'_>,
        outputs: &[ElementType],
    ) -> Value {
        let name = self.unique(&format!("{}/{}", self.scope, operation.name));
        let is_pooled = inputs.iter().any(|input| self.facts(*input).is_pooled);
        self.push(Layer {
            name,
            operation,
            attributes: attributes.iter().map(|(name, value)| (*name, value.to_string())).collect(),
            inputs: inputs.to_vec(),
            outputs: outputs.iter().map(|&element_type| Port::of(element_type)).collect(),
            tensor: None,
            decompresses: false,
            facts: Facts { is_pooled, is_of_weights: false },
        })
    }

    /// Adds an input of 64-bit integers, `[texts, tokens]`.
    pub(super) fn input(&mut self, name: &'static str) -> Value {
        let value = self.typed_layer(
            operation::PARAMETER,
            &[],
            &[("shape", &"?,?"), ("element_type", &"i64")],
            &[ElementType::I64],
        );
        self.layers[value.layer].name = self.unique(name);
        self.layers[value.layer].outputs[0].names.push(name);
        value
    }

    /// Makes a value an output under this name.
    pub(super) fn output(&mut self, name: &'static str, value: Value) {
        self.layers[value.layer].outputs[value.port].names.push(name);
        self.outputs.push(value);
    }

    /// Adds a constant under the tensor's name, which [`Graph::unique`] gave.
    pub(super) fn tensor(&mut self, tensor: Tensor<'a>) -> Value {
        self.push(Layer {
            name: tensor.name.clone(),
            operation: operation::CONST,
            attributes: Vec::new(),
            inputs: Vec::new(),
            outputs: vec![Port::of(tensor.element_type())],
            tensor: Some(tensor),
            decompresses: false,
            facts: Facts::default(),
        })
    }

    /// Integers of a shape: axes, shapes, tables.
    pub(super) fn ints(&mut self, values: &[i64], shape: &[usize]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementType::I64, shape, bytes)
    }

    /// An integer without axes.
    pub(super) fn int(&mut self, value: i64) -> Value {
        self.ints(&[value], &[])
    }

    /// Integers in a row.
    pub(super) fn int_row(&mut self, values: &[i64]) -> Value {
        self.ints(values, &[values.len()])
    }

    /// Floats of a shape.
    pub(super) fn floats(&mut self, values: &[f32], shape: &[usize]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(ElementType::F32, shape, bytes)
    }

    /// A float without axes.
    pub(super) fn float(&mut self, value: f32) -> Value {
        self.floats(&[value], &[])
    }

    /// Another type for the same numbers.
    pub(super) fn convert(&mut self, x: Value, to: ElementType) -> Value {
        if self.element_type(x) == to {
            return x;
        }
        let (name, _) = super::document::type_names(to);
        self.typed_layer(operation::CONVERT, &[x], &[("destination_type", &name)], &[to])
    }

    /// A weight in 32 bits, which a reader may keep as it is.
    pub(super) fn decompressed(&mut self, x: Value) -> Value {
        let wide = self.convert(x, ElementType::F32);
        self.layers[wide.layer].decompresses = wide != x;
        wide
    }

    pub(super) fn element_type(&self, value: Value) -> ElementType {
        self.layers[value.layer].outputs[value.port].element_type
    }

    pub(super) fn facts(&self, value: Value) -> Facts {
        self.layers[value.layer].facts
    }

    /// Takes note that a value is of texts rather than of tokens.
    pub(super) fn pooled(&mut self, x: Value) -> Value {
        self.layers[x.layer].facts.is_pooled = true;
        x
    }

    /// Takes note that a value is made of weights alone.
    pub(super) fn of_weights(&mut self, x: Value) -> Value {
        self.layers[x.layer].facts.is_of_weights = true;
        x
    }

    /// The name, or where it is taken already the next one like it.
    pub(super) fn unique(&mut self, name: &str) -> Rc<str> {
        let mut candidate: Rc<str> = name.into();
        for idx in 1.. {
            if self.names.insert(candidate.clone()) {
                break;
            }
            candidate = format!("{name}_{idx}").into();
        }
        candidate
    }

    /// Every layer that an output or nothing but the graph's signature needs, each behind those it needs itself.
    pub(super) fn into_layers(mut self) -> Vec<Layer<'a>> {
        for value in std::mem::take(&mut self.outputs) {
            let result = self.layer(operation::RESULT, &[value], &[]);
            let name = self.unique(&format!("{}/result", self.layers[value.layer].name));
            self.layers[result.layer].name = name;
            self.layers[result.layer].outputs.clear();
        }
        let mut needed = vec![false; self.layers.len()];
        for (idx, layer) in self.layers.iter().enumerate().rev() {
            needed[idx] |= [operation::RESULT, operation::PARAMETER].contains(&layer.operation);
            if needed[idx] {
                layer.inputs.iter().for_each(|input| needed[input.layer] = true);
            }
        }
        let places: Vec<usize> = needed
            .iter()
            .scan(0, |next, &is_needed| {
                let place = *next;
                *next += usize::from(is_needed);
                Some(place)
            })
            .collect();
        let kept = self.layers.into_iter().zip(needed).filter(|(_, is_needed)| *is_needed);
        kept.map(|(mut layer, _)| {
            layer.inputs.iter_mut().for_each(|input| input.layer = places[input.layer]);
            layer
        })
        .collect()
    }

    fn constant(&mut self, element_type: ElementType, shape: &[usize], bytes: Vec<u8>) -> Value {
        let (type_name, _) = super::document::type_names(element_type);
        let key = (type_name, shape.to_vec(), bytes);
        if let Some(&known) = self.constants.get(&key) {
            return known;
        }
        let name = self.unique(&format!("constant.{type_name}"));
        let contents = Contents::Constant { element_type, bytes: key.2.clone() };
        let value = self.tensor(Tensor { name, dims: shape.to_vec(), contents });
        self.constants.insert(key, value);
        value
    }

    fn push(&mut self, layer: Layer<'a>) -> Value {
        self.layers.push(layer);
        Value { layer: self.layers.len() - 1, port: 0 }
    }
}
