//! Which input and output of a session serve a package.

use drivetrain_contract::{Capabilities, Error, Inputs, Output, Result, SessionInfo};
use drivetrain_package::{Module, Package, Task};

/// How one session is used for one package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) input: InputKind,
    pub(crate) output: Output,
}

/// A kind of session input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    Text,
    Packed,
    Padded,
}

/// Best first: text leaves tokenising to the backend, which says it can when it is better at it; packed has no padding.
const INPUTS: [(InputKind, Capabilities, Inputs); 3] = [
    (InputKind::Text, Capabilities::TEXT_IN, Inputs::TEXT_BYTES.union(Inputs::TEXT_OFFSETS)),
    (
        InputKind::Packed,
        Capabilities::PACKED_IN,
        Inputs::INPUT_IDS.union(Inputs::CU_SEQLENS).union(Inputs::POSITION_IDS),
    ),
    (
        InputKind::Padded,
        Capabilities::PADDED_IN,
        Inputs::INPUT_IDS.union(Inputs::ATTENTION_MASK).union(Inputs::TOKEN_TYPE_IDS).union(Inputs::POSITION_IDS),
    ),
];

impl Route {
    /// The best route. With `exclude_prompt`, pooling has to leave tokens out, which no graph does.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when the session has no input and output that serve it.
    pub(crate) fn choose(package: &Package, info: &SessionInfo, exclude_prompt: bool) -> Result<Self> {
        check_inputs(info)?;
        let taken = INPUTS.into_iter().filter(|(_, flag, _)| info.capabilities.contains(*flag));
        let mut kinds = taken.map(|(kind, ..)| kind).filter(|kind| serves(*kind, package));
        let (pooled, tokens) = (Output::SentenceEmbedding, Output::LastHiddenState);
        let found = if info.outputs.contains(pooled.set()) && !exclude_prompt {
            kinds.next().map(|input| Self { input, output: pooled })
        } else if info.outputs.contains(tokens.set()) && package.pooling().is_some() {
            // Token vectors of text cannot be told apart: how many there are is known to the session only.
            kinds.find(|kind| *kind != InputKind::Text).map(|input| Self { input, output: tokens })
        } else {
            None
        };
        found.ok_or_else(|| no_route(package, info, exclude_prompt))
    }
}

/// A session may want a tensor that its kinds of input do not have.
fn check_inputs(info: &SessionInfo) -> Result<()> {
    let taken = INPUTS.iter().filter(|(_, flag, _)| info.capabilities.contains(*flag));
    let known = taken.fold(Inputs::empty(), |known, (.., tensors)| known | *tensors);
    match info.inputs.difference(known).iter().next() {
        Some(tensor) => {
            let name = tensor.name();
            Err(Error::unsupported(format!("session wants the input `{name}`, which its kinds of input do not have")))
        }
        None => Ok(()),
    }
}

/// Whether this package is one that embeds, with modules that something here runs.
pub(crate) fn check_package(package: &Package) -> Result<()> {
    let name = package.name();
    if package.task() != Task::Embed {
        let message = format!("model `{name}` is not for embedding: its task is {:?}", package.task());
        return Err(Error::unsupported(message).with_hint("choose a model that embeds"));
    }
    let unknown = package.modules().iter().filter_map(|module| match module {
        Module::Other { type_name, .. } => Some(format!("`{type_name}`")),
        Module::SpladePooling(_) => Some("`SpladePooling`".to_owned()),
        Module::MultiVectorMask { .. } => Some("`MultiVectorMask`".to_owned()),
        _ => None,
    });
    let unknown: Vec<String> = unknown.collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::unsupported(format!("model `{name}` has modules that are not supported: {}", unknown.join(", "))))
}

/// A static table averages the tokens as its own tokenizer makes them, without special ones, so it has to tokenise.
fn serves(kind: InputKind, package: &Package) -> bool {
    kind == InputKind::Text || !package.is_static()
}

fn no_route(package: &Package, info: &SessionInfo, exclude_prompt: bool) -> Error {
    let name = package.name();
    let outputs: Vec<&str> =
        Output::ALL.into_iter().filter(|output| info.outputs.contains(output.set())).map(Output::name).collect();
    let (inputs, outputs) = (listed(&info.capabilities.input_kinds()), listed(&outputs));
    let message = format!("session cannot embed with model `{name}`: it takes {inputs} input and gives {outputs}");
    Error::unsupported(message).with_hint(if exclude_prompt {
        "the model leaves its prompt out of pooling: token input and the output `last_hidden_state` are needed"
    } else if package.is_static() {
        "a static model needs a session that takes text and gives `sentence_embedding`"
    } else {
        "use a model file with the output `sentence_embedding` or `last_hidden_state`"
    })
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "no".to_owned() } else { names.join(", ") }
}
