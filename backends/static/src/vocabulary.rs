//! How many token ids a `tokenizer.json` can produce, found without building the tokenizer where that is possible.

use std::collections::HashMap;

use drivetrain_contract::Result;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokenizers::{ModelWrapper, Tokenizer};

use crate::error::broken;

#[derive(Deserialize)]
struct TokenizerJson<'a> {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(borrow)]
    model: ModelJson<'a>,
}

#[derive(Deserialize)]
struct AddedToken {
    content: String,
}

#[derive(Deserialize)]
struct ModelJson<'a> {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: Option<&'a RawValue>,
}

/// One more than the largest id that tokenising with these bytes can give.
///
/// For WordPiece with all added tokens in its vocabulary this reads the vocabulary only: building the whole tokenizer
/// would cost more time than loading the model.
pub(crate) fn count_ids(label: &str, bytes: &[u8]) -> Result<usize> {
    match wordpiece_ids(bytes) {
        Some(count) => Ok(count),
        None => ids_of(label, &parse(label, bytes)?),
    }
}

/// The tokenizer in these bytes.
pub(crate) fn parse(label: &str, bytes: &[u8]) -> Result<Tokenizer> {
    Tokenizer::from_bytes(bytes).map_err(|err| broken(label, "is not a readable tokenizer").with_source(err))
}

/// One more than the largest id that `tokenizer` can give.
///
/// A Unigram model without an unknown token is refused: it fails in the middle of a text.
pub(crate) fn ids_of(label: &str, tokenizer: &Tokenizer) -> Result<usize> {
    if let ModelWrapper::Unigram(model) = tokenizer.get_model() {
        let unk_id = serde_json::to_value(model).ok().and_then(|json| json.get("unk_id").and_then(Value::as_u64));
        if unk_id.is_none() {
            return Err(broken(label, "has a Unigram model without `unk_id`, it fails at the first unknown character"));
        }
    }
    Ok(tokenizer.get_vocab(true).values().max().map_or(0, |&id| id as usize + 1))
}

fn wordpiece_ids(bytes: &[u8]) -> Option<usize> {
    let json: TokenizerJson<'_> = serde_json::from_slice(bytes).ok()?;
    if json.model.kind.as_deref() != Some("WordPiece") {
        return None;
    }
    let vocab: HashMap<String, u32> = serde_json::from_str(json.model.vocab?.get()).ok()?;
    if !json.added_tokens.iter().all(|token| vocab.contains_key(&token.content)) {
        return None;
    }
    vocab.values().max().map(|&id| id as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Option<usize>) {
        assert_eq!(count_ids("t", json.as_bytes()).ok(), expect, "{json}");
    }

    #[test]
    fn ids_are_counted_in_every_kind_of_vocabulary() {
        let wordpiece = r###"{"added_tokens":[],"model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
            "max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##b":6}}}"###;
        check(wordpiece, Some(7));
        let added = r#"{"id":9,"content":"<x>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"#;
        let with_added = wordpiece.replacen("[]", &format!("[{added}]"), 1);
        let built = Tokenizer::from_bytes(&with_added).unwrap();
        check(&with_added, Some(built.token_to_id("<x>").unwrap().max(6) as usize + 1));
        check(r#"{"model":{"type":"WordLevel","unk_token":"u","vocab":{"u":0,"z":3}}}"#, Some(4));
        check(r#"{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.0]]}}"#, Some(2));
    }

    #[test]
    fn broken_tokenizers_are_refused() {
        check(r#"{"model":{"type":"Unigram","unk_id":null,"vocab":[["a",-1.0]]}}"#, None);
        check(r#"{"model":{"type":"Unigram","unk_id":5,"vocab":[["a",-1.0]]}}"#, None);
        check(r#"{"model":{"type":"WordPiece","vocab":{"a":-1}}}"#, None);
        check("{}", None);
        check("", None);
        assert!(count_ids("t", b"\xff\xfe").is_err());
    }
}
