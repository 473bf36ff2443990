//! Reads what `document.rs` writes, where each element begins a line of its own.

use std::{collections::BTreeMap, fs, path::Path};

/// A graph as its file says.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) text: String,
    pub(super) layers: Vec<Layer>,
    /// From layer and port to layer and port.
    pub(super) edges: Vec<[usize; 4]>,
    pub(super) facts: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) id: usize,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) data: BTreeMap<String, String>,
    /// Number of its inputs.
    pub(super) inputs: usize,
    pub(super) outputs: Vec<Port>,
    pub(super) decompresses: bool,
}

#[derive(Debug)]
pub(super) struct Port {
    pub(super) port: usize,
    pub(super) names: String,
}

impl Layer {
    /// The extents of a constant.
    pub(super) fn shape(&self) -> Vec<usize> {
        let extents = self.data["shape"].split(", ").filter(|extent| !extent.is_empty());
        extents.map(|extent| extent.parse().unwrap()).collect()
    }
}

impl Graph {
    pub(super) fn layer(&self, name: &str) -> &Layer {
        self.layers.iter().find(|layer| layer.name == name).unwrap_or_else(|| panic!("there is no layer `{name}`"))
    }

    /// The layer and the port that a port takes its values from.
    pub(super) fn source(&self, layer: usize, port: usize) -> (&Layer, &Port) {
        let mut edges = self.edges.iter().filter(|edge| edge[2..] == [layer, port]);
        let (Some(&[from, from_port, ..]), None) = (edges.next(), edges.next()) else {
            panic!("layer {layer} has not one edge to port {port}")
        };
        let from = &self.layers[from];
        (from, from.outputs.iter().find(|output| output.port == from_port).expect("the port exists"))
    }

    /// The layers that take a layer's values.
    pub(super) fn readers(&self, layer: usize) -> impl Iterator<Item = &Layer> {
        self.edges.iter().filter(move |edge| edge[0] == layer).map(|edge| &self.layers[edge[2]])
    }

    /// The bytes of a constant.
    pub(super) fn constant<'b>(&self, name: &str, bin: &'b [u8]) -> &'b [u8] {
        let [offset, size] = ["offset", "size"].map(|key| self.layer(name).data[key].parse::<usize>().unwrap());
        &bin[offset..offset + size]
    }
}

pub(super) fn read(path: &Path) -> Graph {
    read_text(&fs::read_to_string(path).unwrap())
}

pub(super) fn read_text(text: &str) -> Graph {
    let mut graph = Graph { text: text.to_owned(), ..Graph::default() };
    let mut in_facts = false;
    for line in text.lines() {
        let attributes = attributes(line);
        let number = |key: &str| attributes[key].parse::<usize>().unwrap();
        match line[1..].split([' ', '>']).next().unwrap() {
            "layer" => graph.layers.push(Layer {
                id: number("id"),
                name: attributes["name"].clone(),
                kind: attributes["type"].clone(),
                ..Layer::default()
            }),
            "data" => last(&mut graph).data = attributes,
            "input" => last(&mut graph).inputs = line.matches("<port ").count(),
            "output" => last(&mut graph).outputs = line.split("<port ").skip(1).map(port).collect(),
            "rt_info" if line.contains("decompression") => last(&mut graph).decompresses = true,
            "edge" => graph.edges.push(["from-layer", "from-port", "to-layer", "to-port"].map(number)),
            "drivetrain" => in_facts = true,
            "/drivetrain" => in_facts = false,
            key if in_facts => drop(graph.facts.insert(key.to_owned(), attributes["value"].clone())),
            _ => {}
        }
    }
    graph
}

fn last(graph: &mut Graph) -> &mut Layer {
    graph.layers.last_mut().expect("a layer has begun")
}

fn port(text: &str) -> Port {
    let attributes = attributes(text);
    Port { port: attributes["id"].parse().unwrap(), names: attributes.get("names").cloned().unwrap_or_default() }
}

/// Names and values, none of which the fixtures have a reason to escape.
fn attributes(line: &str) -> BTreeMap<String, String> {
    let parts: Vec<&str> = line.split('"').collect();
    let pairs = parts.as_chunks::<2>().0.iter().filter_map(|[key, value]| {
        let key = key.trim_end_matches('=').split([' ', '<']).next_back()?;
        Some((key.to_owned(), (*value).to_owned()))
    });
    pairs.collect()
}
