//! A model directory, read and checked.

use std::{borrow::Cow, path::Path};

use drivetrain_contract::{Artifact, Error, Model, Result};
use serde_json::Value;

use crate::{
    ArtifactFile, ArtifactRecord, ArtifactRecords, Files, Module, Pooling, Prompts, StaticEmbedding, Task,
    TokenizerFacts, Weights,
    description::Description,
    json::{inner_path, join},
};

mod read;
#[cfg(test)]
mod tests;

pub(crate) use read::SENTENCE_BERT;

/// Files of weights, the preferred first; of either there may be an index in its place.
pub(crate) const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// A model directory, read and checked.
///
/// Opening reads configuration and the headers of the weights; tensors are read through [`Package::weights`].
#[derive(Clone, Debug)]
pub struct Package {
    name: String,
    files: Files,
    task: Task,
    config: Value,
    modules: Vec<Module>,
    hidden_size: Option<usize>,
    dim: Option<usize>,
    truncate_dim: Option<usize>,
    max_seq_length: Option<usize>,
    prompts: Prompts,
    tokenizer: TokenizerFacts,
    tokenizer_path: String,
    artifacts: Vec<ArtifactFile>,
}

impl Package {
    /// Reads the package in `dir`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when there is no such directory,
    /// [`drivetrain_contract::ErrorKind::Invalid`] when it is a file, [`drivetrain_contract::ErrorKind::Model`] when it
    /// holds no model or its files are broken or contradict each other,
    /// [`drivetrain_contract::ErrorKind::Unsupported`] for a kind of model this version does not know.
    pub fn open(dir: &Path) -> Result<Self> {
        let shown = dir.display();
        if !dir.exists() {
            return Err(Error::not_found(format!("there is no directory `{shown}`")));
        }
        if !dir.is_dir() {
            return Err(Error::invalid(format!("`{shown}` is a file, not the directory of a model")));
        }
        // `.` and `..` have no name of their own.
        let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = full.file_name().map_or_else(|| shown.to_string(), |name| name.to_string_lossy().into_owned());
        Self::read(name, Files::Dir(dir.to_owned()))
    }

    /// Reads a package whose files are in memory: pairs of relative path and contents.
    ///
    /// # Errors
    /// As for [`Package::open`].
    pub fn from_memory(name: &str, files: &'static [(&'static str, &'static [u8])]) -> Result<Self> {
        Self::read(name.to_owned(), Files::Memory(files))
    }

    /// The name of the directory, or the one given to [`Package::from_memory`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the files are.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What the package is for.
    pub fn task(&self) -> Task {
        self.task
    }

    /// The transformer's `config.json`; null for a static package without one.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// `model_type` of [`Package::config`].
    pub fn model_type(&self) -> Option<&str> {
        self.config.get("model_type").and_then(Value::as_str)
    }

    /// The steps from tokens to the final vector, in order.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The pooling step.
    pub fn pooling(&self) -> Option<&Pooling> {
        self.modules.iter().find_map(|module| match module {
            Module::Pooling(pooling) => Some(pooling),
            _ => None,
        })
    }

    /// Whether the package is a table of token vectors instead of a transformer.
    pub fn is_static(&self) -> bool {
        self.modules.iter().any(|module| matches!(module, Module::StaticEmbedding(_)))
    }

    /// Whether the last step scales the vectors to length 1.
    pub fn normalizes(&self) -> bool {
        self.modules.last() == Some(&Module::Normalize)
    }

    /// Extent of a token's vector, as the transformer or the static table gives it.
    pub fn hidden_size(&self) -> Option<usize> {
        self.hidden_size
    }

    /// Extent of the final vector: that of the text, of each token ([`Task::MultiVector`]) or the vocabulary
    /// ([`Task::Sparse`]). `None` for [`Task::Rerank`] and where the package does not say.
    pub fn dim(&self) -> Option<usize> {
        self.dim
    }

    /// The number of leading components that the package itself keeps of each vector (`truncate_dim` in
    /// `config_sentence_transformers.json`), when the caller asks for no other.
    pub fn truncate_dim(&self) -> Option<usize> {
        self.truncate_dim
    }

    /// Longest text in tokens, special tokens included; `None` is no limit.
    pub fn max_seq_length(&self) -> Option<usize> {
        self.max_seq_length
    }

    /// Texts that the model wants in front of its input.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// What the package says about its tokenizer beyond `tokenizer.json`.
    pub fn tokenizer(&self) -> &TokenizerFacts {
        &self.tokenizer
    }

    /// The contents of `tokenizer.json`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] when the package has none.
    pub fn tokenizer_json(&self) -> Result<Cow<'static, [u8]>> {
        self.files
            .read(&self.tokenizer_path)
            .map_err(|err| err.with_hint("save the model's fast tokenizer: transformers writes it as tokenizer.json"))
    }

    /// The files that backends can load.
    pub fn artifacts(&self) -> &[ArtifactFile] {
        &self.artifacts
    }

    /// How an artifact was made and how exact it is, where `drivetrain.json` beside it says so.
    pub fn artifact_record(&self, artifact: &ArtifactFile) -> Option<ArtifactRecord> {
        let path = self.files.dir()?.join(&artifact.path);
        let name = path.file_name()?.to_str()?;
        let mut records = ArtifactRecords::read(path.parent()?);
        records.artifacts.remove(name).filter(|record| record.is_complete(path.parent().unwrap_or(&path)))
    }

    /// The weights of the transformer or of the static table.
    ///
    /// # Errors
    /// As for [`Weights::open`].
    pub fn weights(&self) -> Result<Weights> {
        let path = self.modules.iter().find_map(|module| match module {
            Module::Transformer { path } | Module::StaticEmbedding(StaticEmbedding { path, .. }) => Some(path.as_str()),
            _ => None,
        });
        self.module_weights(path.unwrap_or_default())
    }

    /// The weights of the module in the folder `path`, such as `2_Dense`: safetensors, else what torch writes.
    ///
    /// # Errors
    /// As for [`Weights::open`]; [`drivetrain_contract::ErrorKind::Model`] when `path` leads out of the package.
    pub fn module_weights(&self, path: &str) -> Result<Weights> {
        let path = inner_path(path, &self.files.label(""))?;
        let candidates = WEIGHTS.map(|name| join(&path, name));
        let is_there = |rel: &&String| self.files.exists(rel) || self.files.exists(&format!("{rel}.index.json"));
        Weights::open(&self.files, candidates.iter().find(is_there).unwrap_or(&candidates[0]))
    }

    /// What backends are told: `{"config": …, "modules": [{"type": "Pooling", …}, …], "max_seq_length": n}`.
    ///
    /// Modules have `type` (the variant of [`Module`]) and the fields of the struct of that name, with enum values in
    /// snake case: `{"type": "StaticEmbedding", "path": "", "unknown": "drop"}`. No limit is null.
    pub fn description_json(&self) -> String {
        let (config, modules) = (&self.config, self.modules.as_slice());
        Description { config, modules, max_seq_length: self.max_seq_length }.to_json()
    }

    /// The package as a backend is given it: every artifact and the description.
    pub fn model(&self) -> Model {
        let artifact = |file: &ArtifactFile| Artifact {
            format: file.format.to_owned(),
            precision: file.precision,
            data: self.files.artifact_data(&file.path),
        };
        Model { artifacts: self.artifacts.iter().map(artifact).collect(), description_json: self.description_json() }
    }
}
