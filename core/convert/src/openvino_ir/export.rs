//! From a package to a pair of IR files.

use std::path::{Path, PathBuf};

use drivetrain_architectures::{Checkpoint, TextModel, TokenInputs};
use drivetrain_contract::{Error, Inputs, Result};
use drivetrain_package::Package;

use super::{graph::Graph, int8::check_form, pair::Pair};
use crate::onnx::{ExportReport, Form, Progress, metadata, outputs};

/// Writes the transformer of `package`, and the modules after it, as `target` and the file of weights beside it.
///
/// `target` ends in `.xml`, the weights have the same name with `.bin`. The graph takes and gives what that of
/// [`crate::onnx::export`] does; its inputs are 64-bit integers `[?,?]`. What is known of its origin stands under
/// `drivetrain` in the model's `rt_info`: version, source, architecture, modules, and SHA-256 of the weights. Missing
/// folders on the way to `target` are created, and existing files replaced.
///
/// `progress` is called about four times per MiB written; an error it returns ends the export.
///
/// # Errors
/// As for [`crate::onnx::export`], and [`drivetrain_contract::ErrorKind::Invalid`] for a target of another name. Both
/// files are then as they were before; where a finished file cannot be given its name, there may be no graph any more.
pub fn export(
    package: &Package,
    target: &Path,
    options: &IrOptions,
    progress: &mut dyn FnMut(Progress<'_>) -> Result<()>,
) -> Result<ExportReport> {
    let weights = weights_file(target)?;
    check_form(&options.form)?;
    let checkpoint = Checkpoint::open(package)?;
    let mut graph = Graph::new(options.form.clone());
    let model = TextModel::load(package, &checkpoint, &mut |weight| Ok(graph.load(weight)))?;
    let mut input = |input: Inputs| graph.input(input.name());
    let inputs = TokenInputs {
        input_ids: input(Inputs::INPUT_IDS),
        attention_mask: input(Inputs::ATTENTION_MASK),
        token_type_ids: model.inputs().contains(Inputs::TOKEN_TYPE_IDS).then(|| input(Inputs::TOKEN_TYPE_IDS)),
    };
    let encoded = model.forward(&mut graph, &inputs)?;
    let given: Vec<_> = outputs(&model).collect();
    for (output, _) in &given {
        if let Some(&value) = encoded.get(*output) {
            graph.output(output.name(), value);
        }
    }
    let facts = metadata(package).into_iter().map(|(key, value)| (key.trim_start_matches("drivetrain."), value));
    let pair = Pair::new(package.name(), graph.into_layers(), facts.collect());
    let (n_weights, n_parameters) = pair.weights();
    let total_bytes = pair.write(target, &weights, progress)?;
    Ok(ExportReport {
        path: target.to_owned(),
        data_path: Some(weights),
        total_bytes,
        n_weights,
        n_parameters,
        inputs: model.inputs(),
        outputs: given,
    })
}

/// How to export.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IrOptions {
    /// How weights are stored. Half precision is of the file only: what OpenVINO computes in, it is told when it loads
    /// the model.
    pub form: Form,
}

/// Where the weights of a graph are.
fn weights_file(target: &Path) -> Result<PathBuf> {
    if target.extension().is_none_or(|extension| extension != "xml") || target.is_dir() {
        return Err(Error::invalid(format!("`{}` is no name of an OpenVINO graph", target.display()))
            .with_hint("name a file that ends in `.xml`, such as `openvino/openvino_model.xml`"));
    }
    Ok(target.with_extension("bin"))
}
