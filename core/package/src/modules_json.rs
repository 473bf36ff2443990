//! Reading `modules.json`, and what stands in for it where there is none.

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use crate::{
    Dense, Files, Module, Pooling, PoolingMode, SpladePooling, StaticEmbedding, Task, UnknownTokens,
    json::{Fields, inner_path, join},
};

/// One line of `modules.json`: a Python class and the folder with its files.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) class: String,
    pub(crate) path: String,
}

impl Listed {
    /// The class without its module, which has been renamed over time. `None` unless the class is one of these
    /// libraries' own: a model that brings a class of the same name means something else by it.
    pub(crate) fn known_class(&self) -> Option<&str> {
        let is_known = ["sentence_transformers.", "pylate."].iter().any(|library| self.class.starts_with(library));
        self.class.rsplit('.').next().filter(|_| is_known)
    }

    /// Whether this is the module that turns tokens into vectors.
    pub(crate) fn is_main(&self) -> bool {
        matches!(self.known_class(), Some("Transformer" | "MLMTransformer" | "StaticEmbedding"))
    }
}

/// Most modules: files are looked for in the folder of each.
const MOST_MODULES: usize = 100;

/// The file's lines in order; `None` when there is no such file.
pub(crate) fn list(files: &Files) -> Result<Option<Vec<Listed>>> {
    let label = files.label("modules.json");
    let entries = match files.read_json("modules.json")? {
        None => return Ok(None),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(Error::model(format!("`{label}` must hold a list of modules"))),
    };
    if entries.len() > MOST_MODULES {
        return Err(Error::model(format!("`{label}` lists {} modules; a model has a few", entries.len())));
    }
    let read = |entry: &Value| {
        let fields = Fields::new(label.clone(), entry)?;
        let class = fields.str("type")?.ok_or_else(|| fields.problem("type", "is missing"))?;
        let path = inner_path(fields.str("path")?.unwrap_or_default(), &label)?;
        Ok(Listed { class: class.to_owned(), path })
    };
    let listed: Vec<Listed> = entries.iter().map(read).collect::<Result<_>>()?;
    if listed.is_empty() {
        return Err(Error::model(format!("`{label}` lists no modules")));
    }
    Ok(Some(listed))
}

/// What the reading of single modules depends on.
pub(crate) struct Context<'a> {
    pub(crate) files: &'a Files,
    pub(crate) task: Task,
    pub(crate) unknown: UnknownTokens,
    pub(crate) hidden_size: Option<usize>,
}

impl Context<'_> {
    /// Reads every listed module with its own configuration, and checks that each fits the one before it.
    pub(crate) fn read(&self, listed: &[Listed]) -> Result<Vec<Module>> {
        let mut modules = Vec::with_capacity(listed.len());
        for entry in listed {
            let module = self.read_one(entry, &modules)?;
            self.check_extent(&module, &modules)?;
            modules.push(module);
        }
        Ok(modules)
    }

    fn read_one(&self, listed: &Listed, before: &[Module]) -> Result<Module> {
        let path = listed.path.clone();
        let other = |type_name: &str| Module::Other { type_name: type_name.to_owned(), path: listed.path.clone() };
        let Some(name) = listed.known_class() else { return Ok(other(&listed.class)) };
        match name {
            "Transformer" | "MLMTransformer" => return Ok(Module::Transformer { path }),
            "StaticEmbedding" => {
                return Ok(Module::StaticEmbedding(StaticEmbedding { path, unknown: self.unknown }));
            }
            _ => {}
        }
        let rel = join(&path, "config.json");
        // A module at the root has no configuration of its own: the file there is the transformer's.
        let value = if path.is_empty() { None } else { self.files.read_json(&rel)? }.unwrap_or_default();
        let config = Fields::new(self.files.label(&rel), &value)?;
        match name {
            "Pooling" => Ok(Module::Pooling(Pooling::read(&config, extent(before).or(self.hidden_size))?)),
            "Dense" | "Normalize" if !self.is_in_line(&config, before)? => {
                Ok(other(&format!("{name} beside the line of modules")))
            }
            "Dense" => Dense::read(&config, &path),
            "Normalize" => Ok(Module::Normalize),
            "SpladePooling" => Ok(Module::SpladePooling(SpladePooling::read(&config)?)),
            "MultiVectorMask" => Ok(Module::MultiVectorMask { path }),
            _ => Ok(other(&listed.class)),
        }
    }

    /// Whether a module takes what the module before it gives: token vectors before pooling, pooled ones after.
    fn is_in_line(&self, config: &Fields<'_>, before: &[Module]) -> Result<bool> {
        let is_pooled = before.iter().any(|module| matches!(module, Module::Pooling(_) | Module::StaticEmbedding(_)));
        let default = if self.task == Task::MultiVector { "token_embeddings" } else { "sentence_embedding" };
        let input = config.str("module_input_name")?.unwrap_or(default);
        let output = config.str("module_output_name")?.unwrap_or(input);
        let expected = if is_pooled { "sentence_embedding" } else { "token_embeddings" };
        Ok(input == expected && output == expected)
    }

    fn check_extent(&self, module: &Module, before: &[Module]) -> Result<()> {
        let (what, takes) = match module {
            Module::Pooling(pooling) => ("pooling".to_owned(), pooling.dim),
            Module::Dense(dense) => (format!("`{}`", dense.path), dense.in_features),
            _ => return Ok(()),
        };
        match extent(before).or(self.hidden_size) {
            Some(gives) if gives != takes => {
                let package = self.files.label("");
                Err(Error::model(format!("{what} in `{package}` takes vectors of {takes}, but is given {gives}")))
            }
            _ => Ok(()),
        }
    }
}

/// Extent of the vectors after these modules, where they change it.
pub(crate) fn extent(modules: &[Module]) -> Option<usize> {
    modules.iter().rev().find_map(|module| match module {
        Module::Dense(dense) => Some(dense.out_features),
        Module::Pooling(pooling) => Some(pooling.output_dim()),
        _ => None,
    })
}

/// The modules of a transformer without `modules.json`, as sentence-transformers makes them up.
pub(crate) fn default_modules(context: &Context<'_>, config: &Fields<'_>) -> Result<Vec<Module>> {
    let transformer = Module::Transformer { path: String::new() };
    if context.task != Task::Embed {
        return Ok(vec![transformer]);
    }
    let Some(dim) = context.hidden_size else {
        return Err(config.problem("hidden_size", "is missing"));
    };
    // A model made to continue texts has seen everything only at its last token.
    let is_causal = config.first_str("architectures")?.is_some_and(|name| name.ends_with("ForCausalLM"))
        && config.bool("is_causal")? != Some(false);
    let mode = if is_causal { PoolingMode::LastToken } else { PoolingMode::Mean };
    log::warn!("`{}` has no modules.json: pooling by {}", context.files.label(""), mode.name());
    Ok(vec![transformer, Module::Pooling(Pooling { modes: vec![mode], include_prompt: true, dim })])
}
