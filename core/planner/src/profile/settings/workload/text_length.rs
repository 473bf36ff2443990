//! `workload.text_length`: how long a usual text is.

use drivetrain_contract::{Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::profile::settings::Setting;

/// How long a usual text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextLength {
    /// Sentences and queries: 100 characters.
    Short,
    /// Paragraphs: 600 characters.
    Mid,
    /// Pages: 5,000 characters.
    Long,
    /// So many characters.
    Chars(u32),
    /// So many tokens, of 4.3 characters each, as in English.
    Tokens(u32),
}

/// Each word, and the characters it stands for.
const WORDS: [(&str, TextLength); 3] =
    [("short", TextLength::Short), ("mid", TextLength::Mid), ("long", TextLength::Long)];

impl TextLength {
    /// In characters.
    pub fn chars(self) -> u32 {
        match self {
            TextLength::Short => 100,
            TextLength::Mid => 600,
            TextLength::Long => 5000,
            TextLength::Chars(chars) => chars,
            TextLength::Tokens(tokens) => (u64::from(tokens) * 43 / 10).min(u64::from(u32::MAX)) as u32,
        }
    }
}

/// The setting `workload.text_length`.
pub(crate) struct TextLengthSetting;

impl Setting for TextLengthSetting {
    type Value = Option<TextLength>;
    const KEY: &'static str = "workload.text_length";

    fn parse(value: &Value) -> Result<Option<TextLength>> {
        let chars = value.as_u64().and_then(|chars| u32::try_from(chars).ok()).filter(|&chars| chars > 0);
        let word = || WORDS.iter().find(|(word, _)| value.as_str() == Some(word)).map(|(_, length)| *length);
        let tokens = || {
            let number = value.as_str()?.strip_suffix("tokens")?.trim_end().parse().ok();
            number.filter(|&tokens: &u32| tokens > 0).map(TextLength::Tokens)
        };
        match chars.map(TextLength::Chars).or_else(word).or_else(tokens) {
            None if value.as_str() == Some("auto") => Ok(None),
            None => Err(Error::invalid(format!(
                "must be `auto`, `short`, `mid`, `long`, a number of characters, or of tokens as in `128 tokens`, not \
                 `{value}`"
            ))),
            length => Ok(length),
        }
    }

    fn show(value: &Option<TextLength>) -> Value {
        match value {
            Some(TextLength::Chars(chars)) => Value::from(*chars),
            Some(TextLength::Tokens(tokens)) => Value::from(format!("{tokens} tokens")),
            Some(length) => WORDS.iter().find(|(_, known)| known == length).map(|(word, _)| *word).into(),
            None => Value::from("auto"),
        }
    }

    fn schema() -> Value {
        let words = ["auto", "short", "mid", "long"];
        let tokens = json!({ "type": "string", "pattern": "^[0-9]+ *tokens$" });
        json!({ "anyOf": [{ "enum": words }, { "type": "integer", "minimum": 1 }, tokens] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, expect: Option<u32>) {
        let length = TextLengthSetting::parse(value).unwrap();
        assert_eq!(length.map(TextLength::chars), expect);
        assert_eq!(TextLengthSetting::show(&length), *value);
    }

    #[test]
    fn lengths_are_words_or_characters_or_tokens() {
        check(&json!("auto"), None);
        check(&json!("short"), Some(100));
        check(&json!("long"), Some(5000));
        check(&json!(499), Some(499));
        check(&json!("128 tokens"), Some(550));
        check(&json!("4294967295 tokens"), Some(u32::MAX));
        for wrong in [
            json!(0),
            json!(-1),
            json!(1.5),
            json!("tiny"),
            json!("0 tokens"),
            json!("-1 tokens"),
            json!("tokens"),
            json!([1]),
            json!(u64::MAX),
        ] {
            assert!(TextLengthSetting::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
