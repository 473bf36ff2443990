//! What a graph takes and gives, told from the names, types and shapes of its ports.

use drivetrain_contract::{Capabilities, Error, IndexType, Inputs, Output, Outputs, Result};

use crate::native::{Element, Port};

/// A graph that this backend can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    /// Inputs in the graph's order, each fed with the tensor of its name.
    pub(crate) inputs: Vec<Inputs>,
    /// Width of all inputs.
    pub(crate) index_type: IndexType,
    /// Batch size, if the graph was made for one only.
    pub(crate) fixed_size: Option<usize>,
    /// Length in tokens, if the graph was made for one only.
    pub(crate) fixed_length: Option<usize>,
    /// Outputs that mean something to the contract.
    pub(crate) ports: Vec<OutputPort>,
}

/// An output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputPort {
    /// What it means.
    pub(crate) output: Output,
    /// Name in the graph.
    pub(crate) name: String,
    /// Extent of its last axis; `None` where the graph leaves it open.
    pub(crate) extent: Option<usize>,
}

impl Graph {
    /// Finds the meaning of every port. `hidden_size` is what the model says of itself, if it does.
    ///
    /// # Errors
    /// `Unsupported`, with the names, for an input that is unknown or of the wrong type and for a graph without a known
    /// output.
    pub(crate) fn new(inputs: &[Port], outputs: &[Port], hidden_size: Option<usize>) -> Result<Self> {
        let mut graph = Self {
            inputs: Vec::new(),
            index_type: IndexType::I64,
            fixed_size: None,
            fixed_length: None,
            ports: find_outputs(outputs, hidden_size)?,
        };
        let mut widths = Vec::new();
        for port in inputs {
            let tensor = Inputs::named(&port.name).filter(|&tensor| PADDED.contains(tensor)).ok_or_else(|| {
                Error::unsupported(format!("the graph needs an input `{}`, which this backend cannot give", port.name))
                    .with_hint("it gives input_ids, attention_mask, token_type_ids and position_ids")
            })?;
            let (width, shape) = index_tensor(port)?;
            widths.push(width);
            graph.inputs.push(tensor);
            graph.fixed_size = graph.fixed_size.or(shape[0]);
            graph.fixed_length = graph.fixed_length.or(shape[1]);
        }
        if !graph.inputs.contains(&Inputs::INPUT_IDS) {
            return Err(Error::unsupported("the graph has no input `input_ids`"));
        }
        graph.index_type = widths[0];
        if widths.iter().any(|&width| width != widths[0]) {
            return Err(Error::unsupported("the graph mixes 32-bit and 64-bit inputs"));
        }
        Ok(graph)
    }

    /// The input tensors it takes.
    pub(crate) fn inputs(&self) -> Inputs {
        self.inputs.iter().copied().collect()
    }

    /// The port of an output.
    pub(crate) fn port(&self, output: Output) -> Result<&OutputPort> {
        self.ports.iter().find(|port| port.output == output).ok_or_else(|| {
            let names: Vec<&str> = self.ports.iter().map(|port| port.output.name()).collect();
            Error::unsupported(format!("the graph gives no `{}`, only {}", output.name(), names.join(", ")))
        })
    }

    /// The outputs it gives.
    pub(crate) fn outputs(&self) -> Outputs {
        self.ports.iter().map(|port| port.output.set()).collect()
    }

    /// What a session on this graph can do.
    pub(crate) fn restrict(&self, mut capabilities: Capabilities) -> Capabilities {
        let outputs = self.outputs();
        capabilities.set(Capabilities::DYNAMIC_BATCH, self.fixed_size.is_none());
        capabilities.set(Capabilities::DYNAMIC_LENGTH, self.fixed_length.is_none());
        capabilities.set(Capabilities::POOLED_OUT, outputs.contains(Outputs::SENTENCE_EMBEDDING));
        capabilities.set(Capabilities::TOKENS_OUT, outputs.contains(Outputs::LAST_HIDDEN_STATE));
        capabilities.set(Capabilities::LOGITS_OUT, outputs.contains(Outputs::LOGITS));
        capabilities.set(Capabilities::VOCABULARY_OUT, outputs.contains(Outputs::VOCAB_SCORES));
        capabilities
    }
}

/// Tensors of a padded batch.
const PADDED: Inputs =
    Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS).union(Inputs::POSITION_IDS);

/// Names of outputs, best first, with the number of axes that makes the meaning sure. `token_embeddings` is what
/// sentence-transformers' own exports call the last hidden state.
const NAMES: [(&str, Output, usize); 5] = [
    ("sentence_embedding", Output::SentenceEmbedding, 2),
    ("last_hidden_state", Output::LastHiddenState, 3),
    ("token_embeddings", Output::LastHiddenState, 3),
    ("logits", Output::Logits, 2),
    ("vocab_scores", Output::VocabScores, 2),
];

/// Outputs by name. Only a sole float output `[batch, length, hidden]` is taken for the last hidden state whatever its
/// name, unless its extent contradicts the model; a nameless `[batch, dim]`, `pooler_output` for one, may be anything
/// and is left alone.
fn find_outputs(ports: &[Port], hidden_size: Option<usize>) -> Result<Vec<OutputPort>> {
    let mut found: Vec<OutputPort> = Vec::new();
    for (name, output, rank) in NAMES {
        let port = ports.iter().find(|port| port.name == name && float_rank(port) == Some(rank));
        if let Some(port) = port.filter(|_| found.iter().all(|known| known.output != output)) {
            found.push(output_port(port, output));
        }
    }
    let mut token_vectors = ports.iter().filter(|port| float_rank(port) == Some(3) && port.name != "logits");
    if let (true, Some(port), None) = (found.is_empty(), token_vectors.next(), token_vectors.next()) {
        let port = output_port(port, Output::LastHiddenState);
        let contradicts = port.extent.zip(hidden_size).is_some_and(|(extent, hidden_size)| extent != hidden_size);
        found.extend(Some(port).filter(|_| !contradicts));
    }
    if found.is_empty() {
        let names: Vec<String> = ports.iter().map(|port| format!("`{}` {}", port.name, kind(port))).collect();
        return Err(Error::unsupported(format!("the graph has no output that is known, only {}", names.join(", ")))
            .with_hint("known are sentence_embedding, last_hidden_state, token_embeddings, logits and vocab_scores"));
    }
    Ok(found)
}

/// The names by which outputs are known.
pub(crate) fn output_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|&(name, ..)| name)
}

fn output_port(port: &Port, output: Output) -> OutputPort {
    let extent = port.shape.as_ref().and_then(|shape| shape.last().copied()).flatten().filter(|&extent| extent > 0);
    OutputPort { output, name: port.name.clone(), extent }
}

/// Number of axes of a tensor of floats that can be widened to f32.
fn float_rank(port: &Port) -> Option<usize> {
    let is_float = matches!(port.element, Element::F32 | Element::F16 | Element::BF16);
    port.shape.as_ref().filter(|_| is_float).map(Vec::len)
}

/// Width and fixed extents of an input `[batch, length]`.
fn index_tensor(port: &Port) -> Result<(IndexType, [Option<usize>; 2])> {
    let width = match port.element {
        Element::I64 => Some(IndexType::I64),
        Element::I32 => Some(IndexType::I32),
        _ => None,
    };
    match (width, port.shape.as_deref()) {
        (Some(width), Some(&[size, length])) => Ok((width, [size, length])),
        _ => Err(Error::unsupported(format!(
            "input `{}` is {}, not a tensor [batch, length] of 32-bit or 64-bit integers",
            port.name,
            kind(port)
        ))),
    }
}

/// Type and shape as shown in messages: `F32[?,?,384]`.
fn kind(port: &Port) -> String {
    let axis = |axis: &Option<usize>| axis.map_or("?".to_owned(), |extent| extent.to_string());
    let axes = port.shape.as_ref().map(|shape| shape.iter().map(axis).collect::<Vec<_>>().join(","));
    format!("{:?}[{}]", port.element, axes.unwrap_or_else(|| "…".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Element as E;

    /// Name, type and extents, of which 0 is open.
    type Description = (&'static str, E, &'static [usize]);

    fn ports(descriptions: &[Description]) -> Vec<Port> {
        let open = |&extent: &usize| Some(extent).filter(|&extent| extent > 0);
        let port = |&(name, element, shape): &Description| Port {
            name: name.to_owned(),
            element,
            shape: Some(shape.iter().map(open).collect()),
        };
        descriptions.iter().map(port).collect()
    }

    fn graph(inputs: &[Description], outputs: &[Description]) -> Result<Graph> {
        Graph::new(&ports(inputs), &ports(outputs), Some(48))
    }

    const IDS: Description = ("input_ids", E::I64, &[0, 0]);
    const MASK: Description = ("attention_mask", E::I64, &[0, 0]);

    #[track_caller]
    fn gives(outputs: &[Description], expect: &[(Output, &str, Option<usize>)]) {
        let found = graph(&[IDS, MASK], outputs).unwrap().ports;
        let found: Vec<_> = found.iter().map(|port| (port.output, port.name.as_str(), port.extent)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn outputs_are_found_by_name() {
        let hidden: Description = ("last_hidden_state", E::F16, &[0, 0, 48]);
        gives(&[hidden], &[(Output::LastHiddenState, "last_hidden_state", Some(48))]);
        gives(
            &[("token_embeddings", E::F32, &[0, 0, 48]), ("sentence_embedding", E::F32, &[0, 0])],
            &[
                (Output::SentenceEmbedding, "sentence_embedding", None),
                (Output::LastHiddenState, "token_embeddings", Some(48)),
            ],
        );
        gives(&[("logits", E::F32, &[0, 2])], &[(Output::Logits, "logits", Some(2))]);
        gives(
            &[("output_0", E::F32, &[0, 0, 48]), ("pooler_output", E::F32, &[0, 8])],
            &[(Output::LastHiddenState, "output_0", Some(48))],
        );
    }

    #[track_caller]
    fn refuses(inputs: &[Description], outputs: &[Description], needle: &str) {
        let text = graph(inputs, outputs).unwrap_err().to_text();
        assert!(text.contains(needle), "{text}");
    }

    #[test]
    fn what_is_unknown_is_named() {
        let hidden: Description = ("last_hidden_state", E::F32, &[0, 0, 48]);
        refuses(&[IDS, ("task_id", E::I64, &[])], &[hidden], "`task_id`");
        refuses(&[IDS, ("cu_seqlens", E::I64, &[0])], &[hidden], "`cu_seqlens`");
        refuses(&[("attention_mask", E::I64, &[0, 0])], &[hidden], "`input_ids`");
        refuses(&[], &[hidden], "`input_ids`");
        refuses(&[("input_ids", E::F32, &[0, 7])], &[hidden], "`input_ids` is F32[?,7]");
        refuses(&[("input_ids", E::I64, &[0])], &[hidden], "`input_ids`");
        refuses(&[IDS, ("attention_mask", E::I32, &[0, 0])], &[hidden], "32-bit and 64-bit");
        refuses(&[IDS], &[("pooler_output", E::F32, &[0, 48])], "`pooler_output`");
        refuses(&[IDS], &[("logits", E::F32, &[0, 0, 100])], "`logits`");
        refuses(&[IDS], &[("a", E::F32, &[1, 2, 3]), ("b", E::F32, &[1, 2, 3])], "`a`");
        refuses(&[IDS], &[("sentence_embedding", E::I8, &[0, 48])], "`sentence_embedding`");
        refuses(&[IDS], &[("output", E::F32, &[0, 0, 30522])], "`output`");
        refuses(&[IDS], &[], "no output");
    }

    #[test]
    fn fixed_shapes_take_abilities_away() {
        let hidden: Description = ("last_hidden_state", E::F32, &[1, 128, 48]);
        let fixed = graph(&[("input_ids", E::I32, &[1, 128])], &[hidden]).unwrap();
        assert_eq!((fixed.fixed_size, fixed.fixed_length, fixed.index_type), (Some(1), Some(128), IndexType::I32));
        assert_eq!(fixed.restrict(Capabilities::all()) & Capabilities::DYNAMIC_BATCH, Capabilities::empty());
        let open = graph(&[IDS, MASK], &[hidden]).unwrap();
        assert_eq!(open.inputs(), Inputs::INPUT_IDS | Inputs::ATTENTION_MASK);
        let capabilities = open.restrict(Capabilities::all());
        assert!(capabilities.contains(Capabilities::DYNAMIC_LENGTH | Capabilities::TOKENS_OUT));
        assert!(!capabilities.contains(Capabilities::POOLED_OUT));
    }
}
