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
        match chars.map(TextLength::Chars).or_else(word) {
            None if value.as_str() == Some("auto") => Ok(None),
            None => Err(Error::invalid(format!(
                "must be `auto`, `short`, `mid`, `long`, or a number of characters, not `{value}`"
            ))),
            length => Ok(length),
        }
    }

    fn show(value: &Option<TextLength>) -> Value {
        match value {
            Some(TextLength::Chars(chars)) => Value::from(*chars),
            Some(length) => WORDS.iter().find(|(_, known)| known == length).map(|(word, _)| *word).into(),
            None => Value::from("auto"),
        }
    }

    fn schema() -> Value {
        let words = ["auto", "short", "mid", "long"];
        json!({ "anyOf": [{ "enum": words }, { "type": "integer", "minimum": 1 }] })
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
    fn lengths_are_words_or_characters() {
        check(&json!("auto"), None);
        check(&json!("short"), Some(100));
        check(&json!("long"), Some(5000));
        check(&json!(499), Some(499));
        for wrong in [json!(0), json!(-1), json!(1.5), json!("tiny"), json!([1]), json!(u64::MAX)] {
            assert!(TextLengthSetting::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
