//! From a package to an ONNX file.

use std::path::{Path, PathBuf};

use drivetrain_architectures::{Checkpoint, Encoded, TextModel, TokenInputs};
use drivetrain_contract::{Error, Inputs, Output, Result};
use drivetrain_package::{Module, Package};

use super::{
    form::Form,
    fused::Contributed,
    graph::{Graph, Value},
    model_file::{MAX_MESSAGE_BYTES, ModelFile},
    schema::{BATCH, ElementType, Extent, SEQUENCE},
};

/// Writes the transformer of `package`, and the pooling and other modules after it, as an ONNX file at `target`.
///
/// The graph (operator set 17) takes 64-bit `input_ids`, `attention_mask` and, where the architecture has segments,
/// `token_type_ids`, each `[batch_size, sequence_length]`. What it gives depends on the package's task:
///
/// - one vector per text: `last_hidden_state` `[batch_size, sequence_length, hidden]` and, unless the package has no
///   pooling, `sentence_embedding` `[batch_size, dim]` with every module applied;
/// - one vector per token: `last_hidden_state` `[batch_size, sequence_length, dim]` with every module applied;
/// - scores: `logits` `[batch_size, labels]` before any activation;
/// - weights of words: `vocab_scores` `[batch_size, vocabulary]`.
///
/// The metadata entry `drivetrain.modules` lists the modules applied. Weights are as `options.form` says. Missing
/// folders on the way to `target` are created, and an existing file is replaced.
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
    let (model, graph) = Traced::new(package, &checkpoint, options.form.clone(), options.contributed)?.with_outputs();
    let file = ModelFile::new(graph, package.name(), metadata(package));
    let (n_weights, n_parameters) = file.weights();
    let written = file.write(target, options.max_file_bytes, progress)?;
    let (data_path, data_bytes) = written.data.unzip();
    Ok(ExportReport {
        path: target.to_owned(),
        data_path: data_path.map(|name| target.with_file_name(name)),
        total_bytes: written.model_bytes + data_bytes.unwrap_or(0),
        n_weights,
        n_parameters,
        inputs: model.inputs(),
        outputs: outputs(&model).collect(),
    })
}

/// How to export.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportOptions {
    /// How weights are stored and multiplied.
    pub form: Form,
    /// Operators that only ONNX Runtime has; none is the default.
    pub contributed: Contributed,
    /// Largest model file; with more, all weights go to a data file beside it, whose name begins like the target's and
    /// ends in `.onnx_data`. At most the 2 GiB that protocol buffers allow, which is the default.
    pub max_file_bytes: u64,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self { form: Form::F32, contributed: Contributed::default(), max_file_bytes: MAX_MESSAGE_BYTES }
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
    /// Outputs of the graph, each with the extent of its last axis.
    pub outputs: Vec<(Output, usize)>,
}

/// The outputs of a model, each with the extent of its last axis.
pub(crate) fn outputs<W>(model: &TextModel<W>) -> impl Iterator<Item = (Output, usize)> {
    let order = [Output::LastHiddenState, Output::SentenceEmbedding, Output::Logits, Output::VocabScores];
    let given = order.into_iter().filter(|output| model.outputs().contains(output.set()));
    given.filter_map(|output| Some((output, model.extent(output)?)))
}

fn check_target(target: &Path) -> Result<()> {
    if target.file_name().is_none() || target.is_dir() {
        return Err(Error::invalid(format!("`{}` is a folder, not the name of a file to write", target.display()))
            .with_hint("add a file name, such as `onnx/model.onnx`"));
    }
    Ok(())
}

/// A model that was run with operations that emit nodes: every weight was found and its shape checked on the way.
#[derive(Debug)]
pub(crate) struct Traced<'a> {
    pub(crate) graph: Graph<'a>,
    pub(crate) inputs: TokenInputs<Value>,
    model: TextModel<Value>,
    encoded: Encoded<Value>,
}

impl<'a> Traced<'a> {
    pub(crate) fn new(
        package: &Package,
        checkpoint: &'a Checkpoint,
        form: Form,
        contributed: Contributed,
    ) -> Result<Self> {
        let mut graph = Graph::new(form, contributed);
        let model = TextModel::load(package, checkpoint, &mut |weight| Ok(graph.load(weight)))?;
        let mut input = |input: Inputs| graph.input(input.name(), ElementType::I64, &[BATCH, SEQUENCE]);
        let inputs = TokenInputs {
            input_ids: input(Inputs::INPUT_IDS),
            attention_mask: input(Inputs::ATTENTION_MASK),
            token_type_ids: model.inputs().contains(Inputs::TOKEN_TYPE_IDS).then(|| input(Inputs::TOKEN_TYPE_IDS)),
        };
        let encoded = model.forward(&mut graph, &inputs)?;
        Ok(Self { graph, inputs, model, encoded })
    }

    /// Whether the model gives an output.
    pub(crate) fn has(&self, output: Output) -> bool {
        self.encoded.get(output).is_some()
    }

    /// The graph with everything that the model is for as its outputs.
    fn with_outputs(self) -> (TextModel<Value>, Graph<'a>) {
        let Self { mut graph, model, encoded, .. } = self;
        for (output, extent) in outputs(&model) {
            let Some(value) = encoded.get(output) else { continue };
            match output {
                Output::LastHiddenState => {
                    graph.output(output.name(), value, &[BATCH, SEQUENCE, Extent::Fixed(extent)])
                }
                _ => graph.output(output.name(), value, &[BATCH, Extent::Fixed(extent)]),
            }
        }
        (model, graph)
    }
}

/// What a reader should know of the file: who wrote it, from what, and which modules are inside.
pub(crate) fn metadata(package: &Package) -> Vec<(&'static str, String)> {
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
        Module::SpladePooling(_) => "SpladePooling".to_owned(),
        Module::MultiVectorMask { .. } => "MultiVectorMask".to_owned(),
        Module::StaticEmbedding(_) => "StaticEmbedding".to_owned(),
        Module::Other { type_name, .. } => type_name.clone(),
    }
}
