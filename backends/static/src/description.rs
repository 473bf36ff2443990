//! What the package says a static model computes: unknown tokens, normalisation, length limit.

use drivetrain_contract::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

/// The part of a model's description that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    /// Whether unknown tokens are left out (model2vec) or counted (sentence-transformers).
    pub(crate) drop_unknown: bool,
    /// Whether vectors are scaled to length 1.
    pub(crate) normalize: bool,
    /// Tokens of a text that count; `None` is all of them.
    pub(crate) max_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    config: Value,
    modules: Vec<Module>,
    #[serde(default)]
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    unknown: Option<Unknown>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Unknown {
    Drop,
    Keep,
}

impl Description {
    /// Reads [`drivetrain_contract::Model::description_json`].
    pub(crate) fn parse(json: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(json)
            .map_err(|err| Error::model("the model's description is not what a static model needs").with_source(err))?;
        let Some((first, rest)) = raw.modules.split_first() else {
            return Err(Error::unsupported("the model lists no modules, so it is not a static embedding"));
        };
        if first.kind != "StaticEmbedding" {
            return Err(Error::unsupported(format!("a model that begins with `{}` is not static", first.label())));
        }
        if let Some(other) = rest.iter().find(|module| module.kind != "Normalize") {
            return Err(Error::unsupported(format!(
                "module `{}` after a static embedding cannot be run by this backend",
                other.label()
            )));
        }
        let drop_unknown = first.unknown == Some(Unknown::Drop);
        Ok(Self {
            drop_unknown,
            normalize: !rest.is_empty() || (drop_unknown && model2vec_normalizes(&raw.config)),
            max_tokens: raw.max_seq_length,
        })
    }
}

impl Module {
    fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.kind)
    }
}

/// model2vec normalises where its `config.json` says so, and where it says nothing.
fn model2vec_normalizes(config: &Value) -> bool {
    config.get("normalize").and_then(Value::as_bool).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Option<(bool, bool, Option<usize>)>) {
        let found = Description::parse(json).ok().map(|d| (d.drop_unknown, d.normalize, d.max_tokens));
        assert_eq!(found, expect, "{json}");
    }

    #[test]
    fn unknown_tokens_normalisation_and_limit_are_read() {
        let model2vec = r#"{"config":{"normalize":false},"modules":[{"type":"StaticEmbedding","unknown":"drop"}]}"#;
        check(model2vec, Some((true, false, None)));
        check(&model2vec.replace("false", "true"), Some((true, true, None)));
        check(&model2vec.replace("\"normalize\":false", ""), Some((true, true, None)));
        check(
            r#"{"config":null,"modules":[{"type":"StaticEmbedding","path":"","unknown":"keep"},{"type":"Normalize"}],"max_seq_length":7}"#,
            Some((false, true, Some(7))),
        );
        check(r#"{"modules":[{"type":"StaticEmbedding"}],"max_seq_length":null}"#, Some((false, false, None)));
    }

    #[test]
    fn anything_else_is_refused() {
        let dense = r#"{"modules":[{"type":"StaticEmbedding"},{"type":"Dense"}]}"#;
        check(dense, None);
        assert!(Description::parse(dense).unwrap_err().message().contains("`Dense`"));
        let router = r#"{"modules":[{"type":"Other","name":"a.b.Router"}]}"#;
        assert!(Description::parse(router).unwrap_err().message().contains("`a.b.Router`"));
        for json in ["", "{}", "[]", "{\"modules\":[]}", "{\"modules\":[{\"type\":\"StaticEmbedding\",\"unknown\":3}]}"]
        {
            check(json, None);
        }
    }
}
