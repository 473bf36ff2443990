//! What the package says of the model's sizes, as far as it helps to check a graph and its inputs.

use drivetrain_contract::{Error, Inputs, Result, TokenIds};
use serde::Deserialize;

/// Sizes from the package's `config.json`; whatever it leaves out is unknown.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Description {
    /// Extent of the last hidden state.
    pub hidden_size: Option<usize>,
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
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] when it is not what a package gives.
    pub fn parse(json: &str) -> Result<Self> {
        if json.is_empty() {
            return Ok(Self::default());
        }
        let raw: Raw = serde_json::from_str(json)
            .map_err(|err| Error::model("the model's description cannot be read").with_source(err))?;
        Ok(raw.config.unwrap_or_default())
    }

    /// Fails for an id that is negative or too large for `tensor`, naming tensor and place.
    ///
    /// Engines do not check, or take negative ids for places counted from the end.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`].
    pub fn check_ids(&self, tensor: Inputs, ids: TokenIds<'_>) -> Result<()> {
        let limit = self.limit(tensor);
        let inside = |id: i64| (0..limit).contains(&id);
        let outside = match ids {
            TokenIds::I64(ids) => ids.iter().position(|&id| !inside(id)).map(|idx| (idx, ids[idx])),
            TokenIds::I32(ids) => ids.iter().position(|&id| !inside(id.into())).map(|idx| (idx, ids[idx].into())),
        };
        match outside {
            Some((idx, id)) => {
                Err(Error::invalid(format!("`{}` holds {id} at {idx}, allowed is 0 to {}", tensor.name(), limit - 1)))
            }
            None => Ok(()),
        }
    }

    /// One more than the largest value that makes sense in `tensor`.
    fn limit(&self, tensor: Inputs) -> i64 {
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

    #[test]
    fn ids_outside_are_named_with_their_place() {
        let of = |vocab_size| Description { vocab_size, ..Description::default() };
        let check = |ids| of(Some(10)).check_ids(Inputs::INPUT_IDS, ids);
        assert!(check(TokenIds::I64(&[0, 9])).is_ok());
        assert!(of(None).check_ids(Inputs::INPUT_IDS, TokenIds::I32(&[i32::MAX])).is_ok());
        let message = |ids| check(ids).unwrap_err().message().to_owned();
        assert_eq!(message(TokenIds::I64(&[0, 10])), "`input_ids` holds 10 at 1, allowed is 0 to 9");
        assert_eq!(
            message(TokenIds::I64(&[i64::MIN])),
            "`input_ids` holds -9223372036854775808 at 0, allowed is 0 to 9"
        );
        assert_eq!(message(TokenIds::I32(&[1, 2, -1])), "`input_ids` holds -1 at 2, allowed is 0 to 9");
    }
}
