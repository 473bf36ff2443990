//! Values of a `config.json`, each checked as it is read.

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Module, Package};
use serde_json::Value;

/// The configuration of a transformer.
#[derive(Clone, Debug)]
pub(crate) struct Config<'a> {
    values: &'a Value,
    file: String,
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

    /// A whole number above zero.
    pub(crate) fn positive(&self, key: &str) -> Result<usize> {
        let value = self.get(key).ok_or_else(|| Error::model(format!("`{}` has no `{key}`", self.file)))?;
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
        number.ok_or_else(|| self.wrong(key, value, "a whole number above zero"))
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

    /// `true` or `false`; `false` where there is neither.
    pub(crate) fn flag(&self, key: &str) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| self.wrong(key, value, "true or false"))
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

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> Error {
        let mut found = value.to_string();
        if found.chars().count() > 60 {
            found = found.chars().take(60).chain(['…']).collect();
        }
        Error::model(format!("`{key}` in `{}` must be {expected}, not `{found}`", self.file))
    }
}
