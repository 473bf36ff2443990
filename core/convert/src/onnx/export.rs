//! From a package to an ONNX file.

use std::path::{Path, PathBuf};

use drivetrain_architectures::{Checkpoint, EmbeddingModel, Layout, StoredWeight, TokenInputs};
use drivetrain_contract::{Error, Inputs, Output, Result};
use drivetrain_package::{Module, Package};

use super::{
    graph::{Graph, Value},
    model_file::{MAX_MESSAGE_BYTES, ModelFile},
    schema::{BATCH, ElementType, Extent, SEQUENCE},
    tensor::{Contents, Tensor},
};

/// Writes the transformer of `package`, and the pooling and other modules after it, as an ONNX file at `target`.
///
/// The graph (operator set 17) takes 64-bit `input_ids`, `attention_mask` and, where the architecture has segments,
/// `token_type_ids`, each `[batch_size, sequence_length]`. It gives `last_hidden_state`
/// `[batch_size, sequence_length, hidden]` and, unless the package has no pooling, `sentence_embedding`
/// `[batch_size, dim]` with every module of the package applied; the metadata entry `drivetrain.modules` lists them.
/// Weights are 32-bit floats. Missing folders on the way to `target` are created, and an existing file is replaced.
///
/// `progress` is called about four times per MiB written; an error it returns ends the export.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a package this version cannot run,
/// [`drivetrain_contract::ErrorKind::Model`] for one whose files are broken or contradict each other,
/// [`drivetrain_contract::ErrorKind::Io`] when writing fails, and whatever `progress` returns. The target is then as
/// it was before.
pub fn export(
    package: &Package,
    target: &Path,
    options: &ExportOptions,
    progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
) -> Result<ExportReport> {
    check_target(target)?;
    let checkpoint = Checkpoint::open(package)?;
    let (model, graph) = build(package, &checkpoint)?;
    let file = ModelFile::new(graph, package.name(), metadata(package));
    let (n_weights, weight_bytes) = file.weights();
    let written = file.write(target, options.max_file_bytes, progress)?;
    let (data_path, data_bytes) = written.data.unzip();
    Ok(ExportReport {
        path: target.to_owned(),
        data_path: data_path.map(|name| target.with_file_name(name)),
        total_bytes: written.model_bytes + data_bytes.unwrap_or(0),
        n_weights,
        n_parameters: weight_bytes / 4,
        inputs: model.inputs(),
        hidden: model.hidden_size(),
        dim: model.dim(),
    })
}

/// How to export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Largest model file; with more, all weights go to a data file beside it, whose name begins like the target's and
    /// ends in `.onnx_data`. At most the 2 GiB that protocol buffers allow, which is the default.
    pub max_file_bytes: u64,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { max_file_bytes: MAX_MESSAGE_BYTES }
    }
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The weight that was just written, or a part of it.
    pub tensor: &'a str,
    /// Bytes of weights written.
    pub written_bytes: u64,
    /// Bytes of weights in all.
    pub total_bytes: u64,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The model.
    pub path: PathBuf,
    /// The weights, if they are in a file of their own.
    pub data_path: Option<PathBuf>,
    /// Length of all files in bytes.
    pub total_bytes: u64,
    /// Number of weight tensors.
    pub n_weights: usize,
    /// Number of weights' elements.
    pub n_parameters: u64,
    /// Inputs of the graph.
    pub inputs: Inputs,
    /// Extent of `last_hidden_state`.
    pub hidden: usize,
    /// Extent of `sentence_embedding`; `None` where the graph has no such output.
    pub dim: Option<usize>,
}

fn check_target(target: &Path) -> Result<()> {
    if target.file_name().is_none() || target.is_dir() {
        return Err(Error::invalid(format!("`{}` is a folder, not the name of a file to write", target.display()))
            .with_hint("add a file name, such as `onnx/model.onnx`"));
    }
    Ok(())
}

/// Runs the model with operations that emit nodes: every weight is found and its shape checked on the way.
fn build<'a>(package: &Package, checkpoint: &'a Checkpoint) -> Result<(EmbeddingModel<Value>, Graph<'a>)> {
    let mut graph = Graph::default();
    let model = EmbeddingModel::load(package, checkpoint, &mut |weight| Ok(graph.weight(tensor(weight))))?;
    let mut input = |input: Inputs| graph.input(input.name(), ElementType::I64, &[BATCH, SEQUENCE]);
    let inputs = TokenInputs {
        input_ids: input(Inputs::INPUT_IDS),
        attention_mask: input(Inputs::ATTENTION_MASK),
        token_type_ids: model.inputs().contains(Inputs::TOKEN_TYPE_IDS).then(|| input(Inputs::TOKEN_TYPE_IDS)),
    };
    let encoded = model.forward(&mut graph, &inputs)?;
    let hidden = Extent::Fixed(model.hidden_size());
    graph.output(Output::LastHiddenState.name(), &encoded.last_hidden_state, &[BATCH, SEQUENCE, hidden]);
    if let (Some(embedding), Some(dim)) = (&encoded.sentence_embedding, model.dim()) {
        graph.output(Output::SentenceEmbedding.name(), embedding, &[BATCH, Extent::Fixed(dim)]);
    }
    Ok((model, graph))
}

/// The graph multiplies by matrices as `[inputs, outputs]`: turned while they are written, not at every run.
fn tensor(weight: StoredWeight<'_>) -> Tensor<'_> {
    let mut dims = weight.shape;
    let transposed = weight.layout == Layout::Linear;
    if transposed {
        dims.reverse();
    }
    let contents = Contents::Stored { weights: weight.weights, stored_name: weight.name, transposed };
    Tensor { name: weight.label.into(), dims, contents }
}

/// What a reader should know of the file: who wrote it, from what, and which modules are inside.
fn metadata(package: &Package) -> Vec<(&'static str, String)> {
    let modules: Vec<String> = package.modules().iter().map(module_name).collect();
    vec![
        ("drivetrain.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("drivetrain.source", package.name().to_owned()),
        ("drivetrain.architecture", package.model_type().unwrap_or_default().to_owned()),
        ("drivetrain.modules", serde_json::json!(modules).to_string()),
    ]
}

fn module_name(module: &Module) -> String {
    match module {
        Module::Transformer { .. } => "Transformer".to_owned(),
        Module::Pooling(pooling) => {
            let modes: Vec<&str> = pooling.modes.iter().map(|mode| mode.name()).collect();
            format!("Pooling:{}", modes.join("+"))
        }
        Module::Dense(dense) => format!("Dense:{}", dense.out_features),
        Module::Normalize => "Normalize".to_owned(),
        Module::StaticEmbedding(_) => "StaticEmbedding".to_owned(),
        Module::Other { type_name, .. } => type_name.clone(),
    }
}
