//! A model, its graphs and their nodes.

use std::{
    collections::{HashMap, HashSet},
    io::{Read, Seek},
    path::Path,
};

use drivetrain_contract::{Error, Result};

use super::{
    circles,
    functions::{self, Functions, Operation},
    names::{self, Names},
    tensor::{self, Weights},
    wire::{Problem, Span, Value, Wire},
};

/// Most graphs inside each other: protocol buffers themselves end at a hundred messages, three to a graph.
const MOST_DEPTH: usize = 32;

/// Checks the model that `reader` gives; `graph` is where it lies, if it is a file.
pub(crate) fn check<R: Read + Seek>(reader: R, length: u64, label: &str, graph: Option<&Path>) -> Result<()> {
    let reader = Reader {
        wire: Wire::new(reader),
        weights: Weights::of(graph),
        values: Names::default(),
        functions: Functions::default(),
        depth: 0,
    };
    reader.model(Wire::<R>::whole(length)).map_err(|problem| match problem {
        Problem::Broken(what) => Error::model(format!("`{label}` is not a whole ONNX graph: {what}"))
            .with_hint("get the file again, or convert the model again"),
        Problem::Weights(err) => err,
        Problem::Io(err) => Error::io(format!("`{label}` cannot be read")).with_source(err),
    })
}

/// What is known of a file while it is read.
#[derive(Debug)]
struct Reader<'g, R> {
    wire: Wire<R>,
    weights: Weights<'g>,
    /// Names of values.
    values: Names,
    functions: Functions,
    /// Graphs around the one being read.
    depth: usize,
}

/// A graph or the body of a function: who makes what, and who needs what.
#[derive(Debug)]
struct Scope {
    body: u32,
    n_nodes: u32,
    /// The node that makes a value.
    makers: HashMap<u32, u32>,
    /// Values that are there from the beginning.
    given: HashSet<u32>,
    /// Node and value.
    needs: Vec<(u32, u32)>,
}

impl Scope {
    fn new(body: u32) -> Self {
        Self { body, n_nodes: 0, makers: HashMap::new(), given: HashSet::new(), needs: Vec::new() }
    }

    /// Fails where a value is needed to make itself; gives the values that come from outside.
    fn close(mut self, values: &Names) -> Result<HashSet<u32>, Problem> {
        let outside = self.needs.iter().map(|&(_, value)| value);
        let outside = outside.filter(|value| !self.makers.contains_key(value) && !self.given.contains(value)).collect();
        self.needs.retain_mut(|(_, value)| match self.makers.get(value) {
            Some(&maker) => {
                *value = maker;
                true
            }
            None => false,
        });
        circles::in_order(self.n_nodes as usize, &self.needs).map_err(|node| {
            let made = self.makers.iter().find(|(_, maker)| **maker == node).map_or(0, |(value, _)| *value);
            Problem::broken(format!("`{}` is computed from itself", values.shown(made)))
        })?;
        Ok(outside)
    }
}

impl<R: Read + Seek> Reader<'_, R> {
    fn model(mut self, message: Span) -> Result<(), Problem> {
        let mut has_graph = false;
        while let Some(field) = self.wire.field(message)? {
            match (field.number, field.value) {
                (7, Value::Bytes(_)) if has_graph => return Err(Problem::broken("it holds two graphs")),
                (7, Value::Bytes(graph)) => {
                    has_graph = true;
                    self.graph(graph, functions::GRAPH)?;
                }
                (25, Value::Bytes(function)) => self.function(function)?,
                (_, Value::Bytes(other)) => self.wire.skip(other)?,
                _ => {}
            }
        }
        if !has_graph {
            return Err(Problem::broken("it holds no graph"));
        }
        self.functions.check()
    }

    /// A `GraphProto`; gives the values it takes from outside.
    fn graph(&mut self, message: Span, body: u32) -> Result<HashSet<u32>, Problem> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Problem::broken(format!("more than {MOST_DEPTH} graphs are inside each other")));
        }
        let mut scope = Scope::new(body);
        while let Some(field) = self.wire.field(message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(node)) => self.node(node, &mut scope)?,
                (5, Value::Bytes(tensor)) => {
                    let name = tensor::read(&mut self.wire, tensor, &mut self.weights)?;
                    scope.given.insert(self.values.number(name)?);
                }
                (15, Value::Bytes(tensor)) => {
                    let name = tensor::read_sparse(&mut self.wire, tensor, &mut self.weights)?;
                    scope.given.insert(self.values.number(name)?);
                }
                (11, Value::Bytes(input)) => {
                    let name = self.first_text(input)?;
                    scope.given.insert(self.values.number(name)?);
                }
                (_, Value::Bytes(other)) => self.wire.skip(other)?,
                _ => {}
            }
        }
        self.depth -= 1;
        scope.close(&self.values)
    }

    /// A `FunctionProto`.
    fn function(&mut self, message: Span) -> Result<(), Problem> {
        let mut scope = Scope::new(self.functions.next_body());
        let mut function = Operation::default();
        while let Some(field) = self.wire.field(message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => function.name = self.wire.take(name, names::MOST_BYTES)?,
                (4, Value::Bytes(input)) => {
                    let name = self.wire.take(input, names::MOST_BYTES)?;
                    scope.given.insert(self.values.number(name)?);
                }
                (7, Value::Bytes(node)) => self.node(node, &mut scope)?,
                (10, Value::Bytes(domain)) => function.domain = self.wire.take(domain, names::MOST_BYTES)?,
                (11, Value::Bytes(attribute)) => drop(self.attribute(attribute, scope.body)?),
                (13, Value::Bytes(overload)) => function.overload = self.wire.take(overload, names::MOST_BYTES)?,
                (_, Value::Bytes(other)) => self.wire.skip(other)?,
                _ => {}
            }
        }
        self.functions.add(function)?;
        scope.close(&self.values).map(drop)
    }

    /// A `NodeProto`.
    fn node(&mut self, message: Span, scope: &mut Scope) -> Result<(), Problem> {
        let node = scope.n_nodes;
        scope.n_nodes += 1;
        let mut operation = Operation::default();
        while let Some(field) = self.wire.field(message)? {
            let Value::Bytes(span) = field.value else { continue };
            match field.number {
                // An empty name stands for an input or output that is left out.
                1 | 2 if span.n_bytes == 0 => {}
                1 => {
                    let name = self.wire.take(span, names::MOST_BYTES)?;
                    scope.needs.push((node, self.values.number(name)?));
                }
                2 => {
                    let name = self.wire.take(span, names::MOST_BYTES)?;
                    let value = self.values.number(name)?;
                    if scope.makers.insert(value, node).is_some() {
                        return Err(Problem::broken(format!("`{}` is computed twice", self.values.shown(value))));
                    }
                }
                4 => operation.name = self.wire.take(span, names::MOST_BYTES)?,
                5 => {
                    let outside = self.attribute(span, scope.body)?;
                    scope.needs.extend(outside.into_iter().map(|value| (node, value)));
                }
                7 => operation.domain = self.wire.take(span, names::MOST_BYTES)?,
                8 => operation.overload = self.wire.take(span, names::MOST_BYTES)?,
                _ => self.wire.skip(span)?,
            }
        }
        self.functions.call(scope.body, operation)
    }

    /// An `AttributeProto`; gives the values that graphs in it take from outside.
    fn attribute(&mut self, message: Span, body: u32) -> Result<HashSet<u32>, Problem> {
        let mut outside = HashSet::new();
        // A tensor or graph that comes twice would be put together from both.
        let mut has_value = false;
        while let Some(field) = self.wire.field(message)? {
            let Value::Bytes(span) = field.value else { continue };
            let is_single = matches!(field.number, 5 | 6 | 22);
            if is_single && std::mem::replace(&mut has_value, true) {
                return Err(Problem::broken("an attribute has two values"));
            }
            match field.number {
                5 | 10 => drop(tensor::read(&mut self.wire, span, &mut self.weights)?),
                6 | 11 => outside.extend(self.graph(span, body)?),
                22 | 23 => drop(tensor::read_sparse(&mut self.wire, span, &mut self.weights)?),
                _ => self.wire.skip(span)?,
            }
        }
        Ok(outside)
    }

    /// The name of a `ValueInfoProto`, its first field.
    fn first_text(&mut self, message: Span) -> Result<Vec<u8>, Problem> {
        let mut text = Vec::new();
        while let Some(field) = self.wire.field(message)? {
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => text = self.wire.take(name, names::MOST_BYTES)?,
                (_, Value::Bytes(other)) => self.wire.skip(other)?,
                _ => {}
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
