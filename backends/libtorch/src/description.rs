//! What the package says of the model's sizes, as far as it helps to find its folder and to check inputs.

use std::path::{Path, PathBuf};

use drivetrain_contract::{Error, Inputs, Result};
use serde::Deserialize;

/// Architectures whose positions begin behind that of the padding token, as in the first RoBERTa (fairseq).
const POSITIONS_AFTER_PADDING: [&str; 4] = ["camembert", "mpnet", "roberta", "xlm-roberta"];

/// Sizes from the package's `config.json` and its list of modules; whatever they leave out is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Description {
    /// Extent of the last hidden state.
    pub(crate) hidden_size: Option<usize>,
    vocab_size: Option<i64>,
    type_vocab_size: Option<i64>,
    max_tokens: Option<i64>,
    /// Folder of the transformer in the package.
    transformer: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    config: Option<RawConfig>,
    modules: Vec<RawModule>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawConfig {
    model_type: Option<String>,
    hidden_size: Option<usize>,
    vocab_size: Option<i64>,
    type_vocab_size: Option<i64>,
    max_position_embeddings: Option<i64>,
    pad_token_id: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawModule {
    r#type: String,
    path: String,
}

impl Description {
    /// Reads [`drivetrain_contract::Model::description_json`]; an empty text says nothing.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        let raw: Raw = serde_json::from_str(json)
            .map_err(|err| Error::model("the model's description cannot be read").with_source(err))?;
        let transformer = raw.modules.into_iter().find(|module| module.r#type == "Transformer");
        let config = raw.config.unwrap_or_default();
        let is_after_padding =
            config.model_type.as_deref().is_some_and(|model_type| POSITIONS_AFTER_PADDING.contains(&model_type));
        let taken = if is_after_padding { config.pad_token_id.unwrap_or(1).saturating_add(1) } else { 0 };
        Ok(Self {
            hidden_size: config.hidden_size,
            vocab_size: config.vocab_size,
            type_vocab_size: config.type_vocab_size,
            max_tokens: config.max_position_embeddings.map(|positions| positions.saturating_sub(taken)),
            transformer: transformer.map(|module| module.path).unwrap_or_default(),
        })
    }

    /// One more than the largest value that makes sense in `tensor`.
    pub(crate) fn limit(&self, tensor: Inputs) -> i64 {
        let size = match tensor {
            Inputs::INPUT_IDS => self.vocab_size,
            Inputs::ATTENTION_MASK => Some(2),
            Inputs::TOKEN_TYPE_IDS => self.type_vocab_size,
            _ => self.max_tokens,
        };
        size.filter(|&size| size > 0).unwrap_or(i64::MAX)
    }

    /// The longest text the model has positions for; 0 is unknown.
    pub(crate) fn max_tokens(&self) -> usize {
        self.max_tokens.and_then(|tokens| usize::try_from(tokens).ok()).unwrap_or(0)
    }

    /// The package's folder, where `weights` is the transformer's file in it.
    pub(crate) fn package_of(&self, weights: &Path) -> Option<PathBuf> {
        let folder = weights.parent()?;
        let inside = Path::new(&self.transformer);
        if !folder.ends_with(inside) {
            return None;
        }
        folder.ancestors().nth(inside.components().count()).map(Path::to_path_buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_where_they_are() {
        let read =
            Description::parse(r#"{"config":{"hidden_size":48,"vocab_size":100,"type_vocab_size":0,"x":[]}}"#).unwrap();
        assert_eq!(read.hidden_size, Some(48));
        assert_eq!(read.limit(Inputs::INPUT_IDS), 100);
        assert_eq!(read.limit(Inputs::TOKEN_TYPE_IDS), i64::MAX);
        assert_eq!(read.limit(Inputs::ATTENTION_MASK), 2);
        for json in ["", "{}", r#"{"config":null}"#] {
            assert_eq!(Description::parse(json).unwrap(), Description::default(), "{json}");
        }
        assert!(Description::parse("[").is_err());
    }

    #[test]
    fn positions_that_padding_takes_do_not_count() {
        let max_tokens = |json: &str| Description::parse(json).unwrap().max_tokens();
        assert_eq!(max_tokens(r#"{"config":{"model_type":"bert","max_position_embeddings":512}}"#), 512);
        let roberta = r#"{"config":{"model_type":"xlm-roberta","max_position_embeddings":514,"pad_token_id":1}}"#;
        assert_eq!(max_tokens(roberta), 512);
        assert_eq!(max_tokens(r#"{"config":{"model_type":"roberta","max_position_embeddings":0}}"#), 0);
        assert_eq!(max_tokens(""), 0);
    }

    #[test]
    fn the_package_is_found_from_its_weights() {
        let package = |path: &str, weights: &str| {
            let json = format!(r#"{{"modules":[{{"type":"Transformer","path":"{path}"}}]}}"#);
            Description::parse(&json).unwrap().package_of(Path::new(weights))
        };
        assert_eq!(package("", "/m/model.safetensors"), Some("/m".into()));
        assert_eq!(package("0_Transformer", "/m/0_Transformer/model.safetensors"), Some("/m".into()));
        assert_eq!(package("0_Transformer", "/m/model.safetensors"), None);
        assert_eq!(package("", "model.safetensors"), Some("".into()));
        assert_eq!(package("", ""), None);
    }
}
