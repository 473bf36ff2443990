//! What a package says about its tokenizer beyond `tokenizer.json` itself.

use drivetrain_contract::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::{Files, json::Fields};

/// Deepest nesting in `tokenizer.json`: three times what is usual. The library that builds tokenizers takes a multiple of the
/// time for each level of sequences in sequences.
const MOST_DEPTH: usize = 16;

/// What a package says about its tokenizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenizerFacts {
    /// Whether texts are lower-cased first, by an extra normaliser unless the tokenizer has one that does it.
    pub do_lower_case: bool,
    /// The token that fills up short texts.
    pub pad_token: Option<String>,
    /// The side that padding goes to.
    pub padding_side: Side,
    /// The side that too long texts are cut off on.
    pub truncation_side: Side,
    /// Names of the tensors the model wants; empty where the package does not say.
    pub model_input_names: Vec<String>,
}

/// A side of a text, in the order of its tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Before the first token.
    Left,
    /// After the last token.
    #[default]
    Right,
}

/// The settings inside `tokenizer.json`, which count where `tokenizer_config.json` is silent.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct TokenizerFile {
    truncation: Option<Truncation>,
    padding: Option<Padding>,
}

#[derive(Debug, Deserialize)]
struct Truncation {
    direction: Option<String>,
    max_length: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct Padding {
    direction: Option<String>,
    pad_token: Option<String>,
}

impl TokenizerFile {
    /// Reads the settings, and in passing that the whole file is JSON.
    pub(crate) fn read(files: &Files, rel: &str) -> Result<Self> {
        if !files.exists(rel) {
            return Ok(Self::default());
        }
        let bytes = files.read(rel)?;
        if depth(&bytes) > MOST_DEPTH {
            return Err(Error::model(format!("`{}` is nested deeper than any tokenizer", files.label(rel))));
        }
        serde_json::from_slice(&bytes).map_err(|err| files.not_json(rel, err))
    }

    /// The length it truncates to, which counts only when nothing else gives one.
    pub(crate) fn max_length(&self) -> Option<usize> {
        self.truncation.as_ref().and_then(|truncation| truncation.max_length).filter(|&length| length > 0)
    }
}

impl TokenizerFacts {
    /// Puts together `sentence_bert_config.json`, `tokenizer_config.json`, `special_tokens_map.json` and
    /// `tokenizer.json`, as transformers does.
    pub(crate) fn read(
        sentence_bert: &Fields<'_>,
        config: &Fields<'_>,
        special: &Fields<'_>,
        file: &TokenizerFile,
    ) -> Result<Self> {
        let truncation = file.truncation.as_ref().and_then(|truncation| truncation.direction.as_deref());
        let padding = file.padding.as_ref().and_then(|padding| padding.direction.as_deref());
        let pad_token = token(config, "pad_token")?.or(token(special, "pad_token")?);
        let file_pad_token = || file.padding.as_ref().and_then(|padding| padding.pad_token.clone());
        let names = config.strings("model_input_names")?.unwrap_or_default();
        Ok(Self {
            do_lower_case: sentence_bert.bool("do_lower_case")?.unwrap_or(false),
            pad_token: pad_token.or_else(file_pad_token),
            padding_side: side(config, "padding_side", padding)?,
            truncation_side: side(config, "truncation_side", truncation)?,
            model_input_names: names.into_iter().map(str::to_owned).collect(),
        })
    }
}

/// Most lists and objects inside each other.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A special token: its text, or an object with the text as `content`.
fn token(fields: &Fields<'_>, key: &str) -> Result<Option<String>> {
    match fields.get(key) {
        Some(Value::Object(_)) => Ok(fields.object(key)?.str("content")?.map(str::to_owned)),
        _ => Ok(fields.str(key)?.map(str::to_owned)),
    }
}

/// The side stated under `key`, else the one in `tokenizer.json` (`Left` or `Right`), else right.
fn side(fields: &Fields<'_>, key: &str, in_file: Option<&str>) -> Result<Side> {
    match fields.str(key)?.or(in_file) {
        Some("left" | "Left") => Ok(Side::Left),
        Some("right" | "Right") | None => Ok(Side::Right),
        Some(other) => Err(fields.problem(key, &format!("must be left or right, not `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: &Value, special: &Value, file: Value) -> Result<TokenizerFacts> {
        let fields = |value| Fields::new("tokenizer_config.json".into(), value).unwrap();
        let file: TokenizerFile = serde_json::from_value(file).unwrap();
        TokenizerFacts::read(&fields(&Value::Null), &fields(config), &fields(special), &file)
    }

    #[test]
    fn the_most_specific_file_wins() {
        let file = json!({"truncation": {"direction": "Left", "max_length": 128, "strategy": "LongestFirst"},
                          "padding": {"direction": "Left", "pad_token": "<p>", "pad_id": 0}, "model": {}});
        let facts = read(&Value::Null, &Value::Null, file.clone()).unwrap();
        assert_eq!((facts.padding_side, facts.truncation_side), (Side::Left, Side::Left));
        assert_eq!(facts.pad_token.as_deref(), Some("<p>"));
        let config = json!({"padding_side": "right", "pad_token": {"content": "[PAD]", "lstrip": false}});
        let facts = read(&config, &json!({"pad_token": "<other>"}), file.clone()).unwrap();
        assert_eq!((facts.padding_side, facts.truncation_side), (Side::Right, Side::Left));
        assert_eq!(facts.pad_token.as_deref(), Some("[PAD]"));
        let facts = read(&json!({}), &json!({"pad_token": "<other>"}), file).unwrap();
        assert_eq!(facts.pad_token.as_deref(), Some("<other>"));
        assert_eq!(read(&Value::Null, &Value::Null, json!({})).unwrap(), TokenizerFacts::default());
    }

    #[test]
    fn nesting_has_an_end() {
        for (json, expect) in [("", 0), ("[[]]", 2), (r#"{"a[":"\"[[[","b":[{}]}"#, 3), ("]]{", 1)] {
            assert_eq!(depth(json.as_bytes()), expect, "{json}");
        }
        let sequence = |inner: String, _| format!("{{\"type\":\"Sequence\",\"normalizers\":[{inner}]}}");
        let nested: String = (0..10).fold("{}".to_owned(), sequence);
        let bytes: &'static [u8] = format!("{{\"normalizer\":{nested}}}").into_bytes().leak();
        let files: &'static [(&str, &[u8])] = vec![("tokenizer.json", bytes)].leak();
        let err = TokenizerFile::read(&Files::Memory(files), "tokenizer.json").unwrap_err();
        assert!(err.message().contains("tokenizer.json` is nested deeper"), "{err}");
    }

    #[test]
    fn nonsense_is_refused() {
        for config in [json!({"padding_side": "up"}), json!({"pad_token": 0}), json!({"model_input_names": "x"})] {
            assert!(read(&config, &Value::Null, json!({})).is_err(), "{config}");
        }
    }
}
