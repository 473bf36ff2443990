//! Values of a `config.json`, each checked as it is read.

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Module, Package};
use serde_json::Value;

use crate::Activation;

/// Names of one setting: the common one first, then those that single architectures use.
type Names = &'static [&'static str];

const VOCAB_SIZE: Names = &["vocab_size"];
const HIDDEN_SIZE: Names = &["hidden_size", "dim", "n_embd"];
const LAYERS: Names = &["num_hidden_layers", "n_layers", "n_layer"];
const HEADS: Names = &["num_attention_heads", "n_heads", "n_head"];
const INTERMEDIATE_SIZE: Names = &["intermediate_size", "hidden_dim", "n_inner"];

/// The configuration of a transformer, or an object inside it.
#[derive(Clone, Debug)]
pub(crate) struct Config<'a> {
    values: &'a Value,
    file: String,
}

/// What every architecture's configuration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Rows of the table of words.
    pub(crate) vocab_size: usize,
    /// Extent of token vectors.
    pub(crate) hidden_size: usize,
    /// Number of layers.
    pub(crate) layers: usize,
    /// Number of attention heads.
    pub(crate) heads: usize,
    /// Extent between the matrices of the feed-forward part.
    pub(crate) inner: usize,
}

impl Shape {
    /// Extent of one head, where heads divide the hidden size between them.
    pub(crate) fn head_dim(&self) -> usize {
        self.hidden_size / self.heads
    }
}

impl<'a> Config<'a> {
    /// The configuration of `package`.
    pub(crate) fn of(package: &'a Package) -> Self {
        let folder = package.modules().iter().find_map(|module| match module {
            Module::Transformer { path } if !path.is_empty() => Some(format!("{path}/")),
            _ => None,
        });
        let file = format!("{}config.json", folder.unwrap_or_default());
        Self { values: package.config(), file: package.files().label(&file) }
    }

    /// The extents that every architecture has, with heads that divide the hidden size.
    pub(crate) fn shape(&self) -> Result<Shape> {
        let shape = self.shape_with_free_heads()?;
        if !shape.hidden_size.is_multiple_of(shape.heads) {
            return Err(self.contradiction(&format!(
                "`hidden_size` {} is not a multiple of `num_attention_heads` {}",
                shape.hidden_size, shape.heads
            )));
        }
        Ok(shape)
    }

    /// The extents that every architecture has, for those that state the extent of a head.
    pub(crate) fn shape_with_free_heads(&self) -> Result<Shape> {
        Ok(Shape {
            vocab_size: self.positive_of(VOCAB_SIZE)?,
            hidden_size: self.positive_of(HIDDEN_SIZE)?,
            layers: self.positive_of(LAYERS)?,
            heads: self.positive_of(HEADS)?,
            inner: self.positive_of(INTERMEDIATE_SIZE)?,
        })
    }

    /// A whole number above zero.
    pub(crate) fn positive(&self, key: &str) -> Result<usize> {
        self.positive_opt(key)?.ok_or_else(|| self.missing(key))
    }

    /// A whole number above zero, `None` where there is none.
    pub(crate) fn positive_opt(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
        number.map(Some).ok_or_else(|| self.wrong(key, value, "a whole number above zero"))
    }

    /// A whole number, which may be below zero; `default` where there is none.
    pub(crate) fn integer(&self, key: &str, default: i64) -> Result<i64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_i64().ok_or_else(|| self.wrong(key, value, "a whole number"))
    }

    /// A finite number above zero, or `default` where there is none.
    pub(crate) fn positive_float(&self, key: &str, default: f32) -> Result<f32> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let number = value.as_f64().map(|number| number as f32).filter(|&number| number > 0.0 && number.is_finite());
        number.ok_or_else(|| self.wrong(key, value, "a number above zero"))
    }

    /// A string, or `default` where there is none.
    pub(crate) fn text(&self, key: &str, default: &'static str) -> Result<&'a str> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_str().ok_or_else(|| self.wrong(key, value, "a string"))
    }

    /// A list of strings; `None` where there is none.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        texts.map(Some).ok_or_else(|| self.wrong(key, value, "a list of strings"))
    }

    /// `true` or `false`, or `default` where there is neither.
    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    /// An activation by the name `transformers` has for it, or `default` where there is none.
    pub(crate) fn activation(&self, key: &str, default: &'static str) -> Result<Activation> {
        let name = self.text(key, default)?;
        Activation::from_transformers(name)
            .ok_or_else(|| self.unsupported(key, name, &Activation::transformers_names()))
    }

    /// An object inside this one; `None` where there is none.
    pub(crate) fn section(&self, key: &str) -> Result<Option<Self>> {
        match self.get(key) {
            None => Ok(None),
            Some(values) if values.is_object() => Ok(Some(Self { values, file: self.file.clone() })),
            Some(value) => Err(self.wrong(key, value, "an object")),
        }
    }

    /// One that says nothing, so that defaults hold.
    pub(crate) fn empty(&self) -> Self {
        Self { values: &Value::Null, file: self.file.clone() }
    }

    /// Number of members of the object `key`; `None` where there is none.
    pub(crate) fn members(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_object().map(|object| Some(object.len())).ok_or_else(|| self.wrong(key, value, "an object"))
    }

    /// Refuses a configuration in which any of these flags is set.
    pub(crate) fn refuse_flags(&self, keys: &[&str], can: &str) -> Result<()> {
        for key in keys {
            if self.flag(key, false)? {
                return Err(self.unsupported(key, "true", can));
            }
        }
        Ok(())
    }

    /// The error for a value that is well formed but that this version cannot run.
    pub(crate) fn unsupported(&self, key: &str, value: &str, can: &str) -> Error {
        Error::unsupported(format!("`{}` asks for `{key}` `{value}`, which this version cannot run", self.file))
            .with_hint(format!("it can run {can}; a package that brings its own ONNX file needs no architecture"))
    }

    /// The error for values that contradict each other.
    pub(crate) fn contradiction(&self, what: &str) -> Error {
        Error::model(format!("`{}` contradicts itself: {what}", self.file))
    }

    /// Whether there is a value under `key`.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn positive_of(&self, names: Names) -> Result<usize> {
        self.positive(names.iter().find(|name| self.has(name)).unwrap_or(&names[0]))
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn missing(&self, key: &str) -> Error {
        Error::model(format!("`{}` has no `{key}`", self.file))
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> Error {
        let mut found = value.to_string();
        if found.chars().count() > 60 {
            found = found.chars().take(60).chain(['…']).collect();
        }
        Error::model(format!("`{key}` in `{}` must be {expected}, not `{found}`", self.file))
    }
}
