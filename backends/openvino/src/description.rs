//! What the package says of the model's sizes, as far as it helps to check a graph and its inputs.

use drivetrain_contract::{Error, Inputs, Result};
use serde::Deserialize;

/// Sizes from the package's `config.json`; whatever it leaves out is unknown.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Description {
    /// Extent of the last hidden state.
    pub(crate) hidden_size: Option<usize>,
    vocab_size: Option<i64>,
    type_vocab_size: Option<i64>,
    max_position_embeddings: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    config: Option<Description>,
}

impl Description {
    /// Reads [`drivetrain_contract::Model::description_json`]; an empty text says nothing.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        let raw: Raw = serde_json::from_str(json)
            .map_err(|err| Error::model("the model's description cannot be read").with_source(err))?;
        Ok(raw.config.unwrap_or_default())
    }

    /// One more than the largest value that makes sense in `tensor`.
    pub(crate) fn limit(&self, tensor: Inputs) -> i64 {
        let size = match tensor {
            Inputs::INPUT_IDS => self.vocab_size,
            Inputs::ATTENTION_MASK => Some(2),
            Inputs::TOKEN_TYPE_IDS => self.type_vocab_size,
            _ => self.max_position_embeddings,
        };
        size.filter(|&size| size > 0).unwrap_or(i64::MAX)
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
            assert_eq!(Description::parse(json).unwrap().hidden_size, None, "{json}");
        }
        assert!(Description::parse("[").is_err());
    }
}
