//! The files of a model that its vectors depend on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use drivetrain_contract::{Call, Result, format};
use drivetrain_package::{Files, Module, Package};
use serde_json::Value;

use super::{FileHashes, LockedFile, LockedModel, file_hashes::in_memory};

/// What a package is read from, by the names of the files, whatever folder of it they are in. That there are no others
/// is what a test finds out.
const CONFIGURATION: [&str; 13] = [
    "config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_albert_config.json",
    "sentence_bert_config.json",
    "sentence_camembert_config.json",
    "sentence_distilbert_config.json",
    "sentence_roberta_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Folders of a package with graphs, which are made from the other files.
const GRAPHS: [&str; 3] = ["onnx", "openvino", "torchscript"];

/// Modules of a package have a folder each, and nothing of theirs lies deeper.
const FOLDER_DEPTH: u32 = 2;

/// A model whose files are to be locked.
#[derive(Clone, Copy)]
pub struct ModelSource<'a> {
    /// The model.
    pub package: &'a Package,
    /// Another folder in which graphs that were made of it may lie.
    pub made: Option<&'a Path>,
    /// What can stop the hashing.
    pub call: &'a dyn Call,
}

impl std::fmt::Debug for ModelSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelSource").field("package", self.package).field("made", &self.made).finish_non_exhaustive()
    }
}

impl LockedModel {
    /// A model that is run from the file `path` of a format: that file with those that belong to it, weights of layers
    /// behind the transformer, configuration and tokenizer. What is not there is left out.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] for a file that cannot be read, and what the call says.
    pub fn of(source: &ModelSource<'_>, (format, path): (&str, &str), hashes: &mut FileHashes) -> Result<Self> {
        let ModelSource { package, made, call } = *source;
        let own = Folder::of(package.files());
        let folder = match made {
            Some(made) if !own.has(path) => Folder::Disk(made),
            _ => own,
        };
        let mut files = BTreeMap::new();
        let mut add = |folder: Folder<'_>, path: String| -> Result<()> {
            if let Some(file) = folder.file(&path, hashes, call)? {
                files.insert(path, file);
            }
            Ok(())
        };
        for path in own.configuration().into_iter().chain(layers(package, own)) {
            add(own, path)?;
        }
        for path in companions(package, folder, (format, path)) {
            add(folder, path)?;
        }
        Ok(Self { name: package.name().to_owned(), task: package.task().name().to_owned(), files })
    }
}

/// Where files are.
#[derive(Clone, Copy)]
enum Folder<'a> {
    Disk(&'a Path),
    Memory(&'static [(&'static str, &'static [u8])]),
}

impl<'a> Folder<'a> {
    fn of(files: &'a Files) -> Self {
        match files {
            Files::Dir(folder) => Self::Disk(folder),
            Files::Memory(files) => Self::Memory(files),
        }
    }

    fn has(self, path: &str) -> bool {
        match self {
            Self::Disk(folder) => folder.join(path).is_file(),
            Self::Memory(files) => files.iter().any(|(name, _)| *name == path),
        }
    }

    /// Length and hash of a file, if it is there.
    fn file(self, path: &str, hashes: &mut FileHashes, call: &dyn Call) -> Result<Option<LockedFile>> {
        match self {
            Self::Disk(folder) if self.has(path) => hashes.of(&folder.join(path), call).map(Some),
            Self::Disk(_) => Ok(None),
            Self::Memory(files) => Ok(files.iter().find(|(name, _)| *name == path).map(|(_, bytes)| in_memory(bytes))),
        }
    }

    /// Paths of the files directly inside a folder, in no order.
    fn list(self, inner: &str) -> Vec<String> {
        match self {
            Self::Disk(folder) => {
                let entries = fs::read_dir(folder.join(inner)).into_iter().flatten().flatten();
                let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
                names.map(|name| join(inner, &name)).filter(|path| self.has(path)).collect()
            }
            Self::Memory(files) => {
                let is_inside = |path: &&str| parent(path) == inner;
                files.iter().map(|(path, _)| *path).filter(is_inside).map(str::to_owned).collect()
            }
        }
    }

    /// Names of the folders directly inside a folder.
    fn folders(self, inner: &str) -> BTreeSet<String> {
        match self {
            Self::Disk(folder) => {
                let entries = fs::read_dir(folder.join(inner)).into_iter().flatten().flatten();
                // Links are followed: hub caches hold nothing else.
                let folders = entries.filter(|entry| entry.path().is_dir());
                folders.filter_map(|entry| entry.file_name().into_string().ok()).collect()
            }
            Self::Memory(files) => {
                let prefix = join(inner, "");
                let rests = files.iter().filter_map(|(path, _)| path.strip_prefix(prefix.as_str()));
                rests.filter_map(|rest| rest.split_once('/')).map(|(folder, _)| folder.to_owned()).collect()
            }
        }
    }

    /// Every file that a package is read from, but for weights.
    fn configuration(self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let candidates = CONFIGURATION.iter().map(|name| join(&folder, name));
            found.extend(candidates.filter(|path| self.has(path)));
            let is_module = |name: &String| !name.starts_with('.') && !GRAPHS.contains(&name.as_str());
            if depth < FOLDER_DEPTH {
                let inner = self.folders(&folder).into_iter().filter(is_module);
                folders.extend(inner.map(|name| (join(&folder, &name), depth + 1)));
            }
        }
        found
    }
}

/// Weights of the layers behind the transformer, which are computed with whatever the graph.
fn layers(package: &Package, own: Folder<'_>) -> Vec<String> {
    let folders = package.modules().iter().filter_map(|module| match module {
        Module::Dense(dense) => Some(dense.path.as_str()),
        _ => None,
    });
    folders.flat_map(|folder| own.list(folder)).filter(|path| is_weights(name(path))).collect()
}

/// A file that an engine loads, and those beside it that belong to it.
fn companions(package: &Package, folder: Folder<'_>, (format, path): (&str, &str)) -> BTreeSet<String> {
    let mut found = BTreeSet::from([path.to_owned()]);
    match format {
        format::ONNX | format::OPENVINO_IR => found.extend(data_of_graph(folder, path)),
        _ if path.ends_with(".index.json") => found.extend(shards(package.files(), path)),
        _ => {}
    }
    found
}

/// Files with a graph's weights, as exporters name them: after the graph (`model.onnx_data`, `openvino_model.bin`), or
/// after a tensor, of which nobody can tell the graph.
fn data_of_graph(folder: Folder<'_>, graph: &str) -> Vec<String> {
    let (graphs, others): (Vec<String>, Vec<String>) = folder
        .list(parent(graph))
        .into_iter()
        .partition(|path| [".onnx", ".xml"].iter().any(|end| path.ends_with(end)));
    let stems: BTreeSet<&str> = graphs.iter().map(|path| stem(path)).collect();
    // The longest that fits: `model_O3.onnx_data` is not of `model.onnx`.
    let owner =
        |path: &str| stems.iter().filter(|stem| path.starts_with(**stem)).max_by_key(|stem| stem.len()).copied();
    let is_graphs_own = GRAPHS.contains(&name(parent(graph)));
    let belongs = |path: &String| match owner(path) {
        Some(owner) => owner == stem(graph),
        None => is_graphs_own,
    };
    let is_data = |path: &String| {
        let is_text = [".json", ".md", ".txt"].iter().any(|end| path.ends_with(end));
        !is_text && !is_weights(name(path)) && !name(path).starts_with('.')
    };
    others.into_iter().filter(|path| is_data(path) && belongs(path)).collect()
}

/// Files that an index of weights names.
fn shards(files: &Files, index: &str) -> BTreeSet<String> {
    // An index that cannot be read has its own hash; whoever opens the weights says what is wrong with it.
    let contents = files.read_json(index).ok().flatten().unwrap_or_default();
    let shards = contents["weight_map"].as_object().into_iter().flat_map(|map| map.values());
    let is_inner = |name: &&str| !name.split(['/', '\\']).any(|part| part == "..") && Path::new(name).is_relative();
    shards.filter_map(Value::as_str).filter(is_inner).map(|shard| join(parent(index), shard)).collect()
}

/// Whether a file holds weights of a transformer or a layer, by its name.
fn is_weights(name: &str) -> bool {
    name.ends_with(".safetensors") || (name.starts_with("pytorch_model") && name.ends_with(".bin"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path without the end of its name.
fn stem(path: &str) -> &str {
    let end = name(path).rfind('.').map_or(path.len(), |dot| path.len() - name(path).len() + dot);
    &path[..end]
}
