//! The files of a package that a backend can load.

use std::path::Path;

use drivetrain_contract::{Precision, format};

use crate::{Dtype, Files, Weights, json::join, package::WEIGHTS};

/// A file that a backend can load.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ArtifactFile {
    /// One of [`drivetrain_contract::format`].
    pub format: &'static str,
    /// Precision of the weights inside.
    pub precision: Precision,
    /// Path inside the package.
    pub path: String,
}

impl ArtifactFile {
    /// The graphs in a folder that is laid out as a package is, such as one for artifacts that the package's own folder
    /// does not take. For each format the most exact comes first.
    pub fn graphs_in(folder: &Path) -> Vec<Self> {
        let files = Files::Dir(folder.to_owned());
        let mut found = graphs(&files, "onnx", format::ONNX, |name| name.ends_with(".onnx"));
        found.extend(graphs(&files, "openvino", format::OPENVINO_IR, |name| name.ends_with(".xml")));
        found
    }
}

/// What [`find`] needs to know of a package.
pub(crate) struct Layout<'a> {
    pub(crate) files: &'a Files,
    /// Folder of the transformer or static table.
    pub(crate) path: &'a str,
    pub(crate) is_static: bool,
    /// Path of `tokenizer.json`, if there is one.
    pub(crate) tokenizer: Option<&'a str>,
}

/// All artifacts: for each format the most exact first, and the plainest name first among equals.
pub(crate) fn find(layout: &Layout<'_>) -> Vec<ArtifactFile> {
    let mut found = Vec::new();
    let mut bases = vec![layout.path, ""];
    bases.dedup();
    for base in bases {
        found.extend(graphs(layout.files, &join(base, "onnx"), format::ONNX, |name| name.ends_with(".onnx")));
        found.extend(graphs(layout.files, base, format::ONNX, |name| name.ends_with(".onnx")));
        found.extend(graphs(layout.files, &join(base, "openvino"), format::OPENVINO_IR, |name| name.ends_with(".xml")));
        let is_root_ir = |name: &str| name.starts_with("openvino") && name.ends_with(".xml");
        found.extend(graphs(layout.files, base, format::OPENVINO_IR, is_root_ir));
    }
    found.extend(weights(layout));
    // Behind the weights: an engine that reads both computes from those.
    found.extend(graphs(layout.files, "torchscript", format::TORCHSCRIPT, |name| name.ends_with(".pt")));
    found.extend(graphs(layout.files, "", format::TORCHSCRIPT, is_torchscript));
    if let Some(path) = layout.tokenizer {
        found.push(ArtifactFile { format: format::TOKENIZER, precision: Precision::F32, path: path.to_owned() });
    }
    found
}

/// Whether a file at the top of a package is a TorchScript file by the names in use: trainers leave other files ending
/// in `.pt` there.
fn is_torchscript(name: &str) -> bool {
    name.ends_with(".pt")
        && (name.contains("torchscript") || name.starts_with("traced") || name.starts_with("scripted"))
}

fn graphs(files: &Files, folder: &str, format: &'static str, is_graph: impl Fn(&str) -> bool) -> Vec<ArtifactFile> {
    let names = files.list(folder).into_iter().filter(|name| is_graph(name));
    let mut found: Vec<ArtifactFile> = names
        .filter_map(|name| {
            let precision = named_precision(&name)?;
            Some(ArtifactFile { format, precision, path: join(folder, &name) })
        })
        .collect();
    let exactness = |precision| Precision::ALL.iter().position(|&other| other == precision);
    found.sort_by_key(|file| (exactness(file.precision), file.path.len()));
    found
}

/// The precision that a file's name states, in the words of Optimum, sentence-transformers and transformers.js.
///
/// `None` for 4-bit weights: there is no precision for them yet, and calling them another would hide the loss.
fn named_precision(name: &str) -> Option<Precision> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
    let words: Vec<&str> = stem.split(['_', '-', '.']).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    if has(&["q4", "q4f16", "bnb4", "int4", "uint4", "qint4"]) {
        return None;
    }
    Some(if has(&["int8", "uint8", "qint8", "quint8", "quantized", "q8"]) {
        Precision::Int8
    } else if has(&["bf16", "bfloat16"]) {
        Precision::Bf16
    } else if has(&["fp16", "f16", "float16", "o4"]) {
        // Optimum's O4 is O3 in half precision.
        Precision::F16
    } else {
        Precision::F32
    })
}

fn weights(layout: &Layout<'_>) -> Option<ArtifactFile> {
    let formats = [format::SAFETENSORS, format::PYTORCH];
    // Static tables were never written by torch.
    let n_formats = if layout.is_static { 1 } else { formats.len() };
    let (rel, path, format) = WEIGHTS.into_iter().zip(formats).take(n_formats).find_map(|(name, format)| {
        let rel = join(layout.path, name);
        let path = [rel.clone(), format!("{rel}.index.json")].into_iter().find(|path| layout.files.exists(path))?;
        Some((rel, path, format))
    })?;
    let format = if layout.is_static { format::STATIC } else { format };
    // Broken weights stay on the list, so that whoever uses them gets the error; an ONNX file beside them may be fine.
    let dtype = Weights::open(layout.files, &rel).ok().and_then(|weights| weights.main_dtype());
    let precision = match dtype {
        Some(Dtype::F16) => Precision::F16,
        Some(Dtype::BF16) => Precision::Bf16,
        Some(Dtype::I8 | Dtype::U8) => Precision::Int8,
        _ => Precision::F32,
    };
    Some(ArtifactFile { format, precision, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_state_precisions() {
        for (name, expect) in [
            ("model.onnx", Some(Precision::F32)),
            ("model_O3.onnx", Some(Precision::F32)),
            ("model_O4.onnx", Some(Precision::F16)),
            ("model_fp16.onnx", Some(Precision::F16)),
            ("model_qint8_avx512_vnni.onnx", Some(Precision::Int8)),
            ("model_quantized.onnx", Some(Precision::Int8)),
            ("openvino_model_qint8_quantized.xml", Some(Precision::Int8)),
            ("model_q4f16.onnx", None),
        ] {
            assert_eq!(named_precision(name), expect, "{name}");
        }
    }

    #[test]
    fn the_most_exact_comes_first() {
        static FILES: &[(&str, &[u8])] = &[
            ("onnx/model_qint8_arm64.onnx", b""),
            ("onnx/model_O2.onnx", b""),
            ("onnx/model.onnx", b""),
            ("onnx/model_q4.onnx", b""),
            ("onnx/model.onnx_data", b""),
            ("openvino/openvino_model.xml", b""),
            ("openvino/openvino_model.bin", b""),
            ("model.safetensors", b"broken"),
            ("optimizer.pt", b""),
            ("traced_model.pt", b""),
            ("torchscript/model_bf16.pt", b""),
            ("torchscript/model.pt", b""),
            ("tokenizer.json", b"{}"),
        ];
        let files = Files::Memory(FILES);
        let found = find(&Layout { files: &files, path: "", is_static: false, tokenizer: Some("tokenizer.json") });
        let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        let onnx = ["onnx/model.onnx", "onnx/model_O2.onnx", "onnx/model_qint8_arm64.onnx"];
        assert_eq!(paths[..3], onnx);
        assert_eq!(paths[3..5], ["openvino/openvino_model.xml", "model.safetensors"]);
        let torchscript = ["torchscript/model.pt", "torchscript/model_bf16.pt", "traced_model.pt"];
        assert_eq!(paths[5..8], torchscript);
        assert_eq!(paths[8..], ["tokenizer.json"]);
    }
}
