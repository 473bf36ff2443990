//! The tokenizer of the static model: the transformer's, less the tokens that have no place in a table.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
};

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};
use tokenizers::{Encoding, Token, Tokenizer};

/// Special tokens a tokenizer may put around a text: real ones put two, and each costs a run of the transformer.
const MOST_SPECIAL_TOKENS: usize = 64;

/// A tokenizer read for distillation.
pub(crate) struct Vocabulary {
    tokenizer: Tokenizer,
    json: Value,
    /// Token and id in the transformer's vocabulary, in the order of the ids: row by row of the table.
    kept: Vec<(String, u32)>,
}

/// The special tokens around a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) before: Vec<u32>,
    pub(crate) after: Vec<u32>,
}

impl Vocabulary {
    /// Reads a `tokenizer.json`; of the added tokens, only the unknown and the padding token are kept.
    pub(crate) fn read(json: &[u8], pad_token: Option<&str>) -> Result<Self> {
        let mut tokenizer = Tokenizer::from_bytes(json).map_err(unreadable)?;
        tokenizer.with_truncation(None).map_err(unreadable)?.with_padding(None);
        let json: Value = serde_json::from_slice(json).map_err(unreadable)?;
        let padding = pad_token.or_else(|| json["padding"]["pad_token"].as_str());
        let wanted = [unknown_token(&json["model"]), padding];
        let dropped: BTreeSet<&str> = added_tokens(&json).filter(|token| !wanted.contains(&Some(token))).collect();
        let mut kept: Vec<(String, u32)> = tokenizer.get_vocab(true).into_iter().collect();
        kept.retain(|(token, _)| !dropped.contains(token.as_str()) && !is_unused_slot(token));
        if kept.is_empty() {
            return Err(Error::model("the vocabulary of `tokenizer.json` holds nothing but special tokens"));
        }
        kept.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        Ok(Self { tokenizer, json, kept })
    }

    /// Tokens of the table and their ids in the transformer's vocabulary.
    pub(crate) fn tokens(&self) -> &[(String, u32)] {
        &self.kept
    }

    /// The row of the token that stands for what the vocabulary does not have, if there is one.
    pub(crate) fn unknown_row(&self) -> Option<usize> {
        let unknown = unknown_token(&self.json["model"])?;
        self.kept.iter().position(|(token, _)| token == unknown)
    }

    /// What the tokenizer puts around a text of one token.
    pub(crate) fn frame(&self) -> Result<Frame> {
        let (token, id) = &self.kept[0];
        let probe = Token::new(*id, token.clone(), (0, token.len()));
        let framed = self.tokenizer.post_process(Encoding::from_tokens(vec![probe], 0), None, true).map_err(|err| {
            Error::model("the post-processor of `tokenizer.json` fails on one token").with_source(err)
        })?;
        let ids = framed.get_ids();
        let place = framed.get_special_tokens_mask().iter().position(|&special| special == 0);
        let place = place.filter(|&place| ids[place] == *id).ok_or_else(|| {
            Error::model(format!("the post-processor of `tokenizer.json` loses the text when it is `{token}`"))
        })?;
        if ids.len() - 1 > MOST_SPECIAL_TOKENS {
            let message = format!("`tokenizer.json` puts {} special tokens around a text", ids.len() - 1);
            return Err(Error::unsupported(message).with_hint("check its post-processor"));
        }
        Ok(Frame { before: ids[..place].to_vec(), after: ids[place + 1..].to_vec() })
    }

    /// The `tokenizer.json` in which token `i` of [`Vocabulary::tokens`] has id `i`.
    ///
    /// Normaliser, pre-tokeniser and decoder stay, except that byte-level pre-tokenisers treat the first word like any
    /// other, as model2vec sets them; special tokens, truncation and padding go.
    pub(crate) fn tokenizer_json(&self) -> Result<String> {
        let mut json = self.json.clone();
        let rows: HashMap<&str, usize> =
            self.kept.iter().enumerate().map(|(row, (token, _))| (&**token, row)).collect();
        renumber_model(&mut json["model"], &self.kept, &rows);
        if let Some(added) = json["added_tokens"].as_array_mut() {
            added.retain_mut(|token| match token["content"].as_str().and_then(|content| rows.get(content)) {
                Some(&row) => {
                    token["id"] = row.into();
                    true
                }
                None => false,
            });
        }
        add_prefix_space(&mut json["pre_tokenizer"]);
        for key in ["truncation", "padding", "post_processor"] {
            json[key] = Value::Null;
        }
        // Reading the result proves that it loads; writing it again gives the ecosystem's own order and no white space.
        let pruned = Tokenizer::from_str(&json.to_string())
            .map_err(|err| Error::unsupported("this kind of tokenizer cannot be pruned").with_source(err))?;
        let vocabulary = pruned.get_vocab(true);
        if vocabulary.len() != rows.len()
            || rows.iter().any(|(&token, &row)| vocabulary.get(token) != Some(&(row as u32)))
        {
            return Err(Error::unsupported("this kind of tokenizer does not keep its ids when it is pruned"));
        }
        pruned.to_string(false).map_err(|err| Error::internal("failed to write the pruned tokenizer").with_source(err))
    }
}

fn unreadable(err: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::model("`tokenizer.json` cannot be read").with_source(err)
}

fn added_tokens(json: &Value) -> impl Iterator<Item = &str> {
    json["added_tokens"].as_array().into_iter().flatten().filter_map(|token| token["content"].as_str())
}

/// Unigram models name it by place, the others by its text.
fn unknown_token(model: &Value) -> Option<&str> {
    let place = model["unk_id"].as_u64().and_then(|id| usize::try_from(id).ok());
    match place {
        Some(place) => model["vocab"][place][0].as_str(),
        None => model["unk_token"].as_str(),
    }
}

/// BERT's vocabularies have about a thousand tokens `[unused0]`, `[unused1]`, … that no text contains.
fn is_unused_slot(token: &str) -> bool {
    token
        .strip_prefix("[unused")
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn renumber_model(model: &mut Value, kept: &[(String, u32)], rows: &HashMap<&str, usize>) {
    if let Some(pieces) = model["vocab"].as_array() {
        let unknown = unknown_token(model).and_then(|token| rows.get(token).copied());
        model["vocab"] = scored_pieces(pieces, kept);
        model["unk_id"] = unknown.into();
        return;
    }
    model["vocab"] = kept.iter().enumerate().map(|(row, (token, _))| (token.clone(), Value::from(row))).collect();
    let prefix = model["continuing_subword_prefix"].as_str().unwrap_or_default().to_owned();
    if let Some(merges) = model.get_mut("merges").and_then(Value::as_array_mut) {
        merges.retain(|merge| merge_is_possible(merge, &prefix, rows));
    }
}

/// The pieces of a Unigram model in their new order; one that was only an added token becomes as unlikely as any.
fn scored_pieces(pieces: &[Value], kept: &[(String, u32)]) -> Value {
    let scores: HashMap<&str, f64> =
        pieces.iter().filter_map(|piece| Some((piece[0].as_str()?, piece[1].as_f64()?))).collect();
    let lowest = scores.values().copied().fold(0.0, f64::min);
    let score = |token: &str| scores.get(token).copied().unwrap_or(lowest);
    kept.iter().map(|(token, _)| json!([token, score(token)])).collect()
}

/// Whether both parts of a merge of a BPE model and what they make are still in the vocabulary.
fn merge_is_possible(merge: &Value, prefix: &str, rows: &HashMap<&str, usize>) -> bool {
    let parts = match merge {
        Value::String(pair) => pair.split_once(' '),
        pair => pair[0].as_str().zip(pair[1].as_str()),
    };
    parts.is_some_and(|(left, right)| {
        let whole = format!("{left}{}", right.strip_prefix(prefix).unwrap_or(right));
        [left, right, &whole].iter().all(|token| rows.contains_key(token))
    })
}

/// Sets `add_prefix_space` wherever a byte-level pre-tokeniser is nested.
fn add_prefix_space(pre_tokenizer: &mut Value) {
    if pre_tokenizer["type"] == "ByteLevel" {
        pre_tokenizer["add_prefix_space"] = true.into();
    }
    if let Some(nested) = pre_tokenizer.get_mut("pretokenizers").and_then(Value::as_array_mut) {
        nested.iter_mut().for_each(add_prefix_space);
    }
}

#[cfg(test)]
mod tests;
