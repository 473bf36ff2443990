//! Texts that a model wants in front of its input.

use std::collections::BTreeMap;

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use crate::{Task, json::Fields};

/// The prompts of `config_sentence_transformers.json`, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Name and text of each prompt.
    pub entries: BTreeMap<String, String>,
    /// The prompt that is used when none is asked for.
    pub default_name: Option<String>,
}

impl Prompts {
    /// The text of a prompt.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown name; the message lists the known ones.
    pub fn get(&self, name: &str) -> Result<&str> {
        self.entries.get(name).map(String::as_str).ok_or_else(|| {
            let known: Vec<String> = self.entries.keys().map(|known| format!("`{known}`")).collect();
            let known =
                if known.is_empty() { "has no prompts".to_owned() } else { format!("has {}", known.join(", ")) };
            Error::invalid(format!("unknown prompt name `{name}`: the model {known}"))
                .with_hint("name one of the model's prompts, or give the prompt as text")
        })
    }

    /// The prompts as sentence-transformers resolves them: every model but a cross-encoder knows `query` and
    /// `document`, which are empty unless the package says otherwise.
    pub(crate) fn read(sentence: &Fields<'_>, task: Task) -> Result<Self> {
        let mut entries = BTreeMap::new();
        if task != Task::Rerank {
            entries.insert("query".to_owned(), String::new());
            entries.insert("document".to_owned(), String::new());
        }
        for (name, text) in sentence.object("prompts")?.iter() {
            let text = match text {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                _ => return Err(sentence.problem(&format!("prompts.{name}"), "must be a string")),
            };
            entries.insert(name.clone(), text);
        }
        let default_name = sentence.str("default_prompt_name")?.map(str::to_owned);
        match &default_name {
            Some(name) if !entries.contains_key(name) => {
                Err(sentence.problem("default_prompt_name", &format!("is `{name}`, which is not among its prompts")))
            }
            _ => Ok(Self { entries, default_name }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value, task: Task) -> Result<Prompts> {
        Prompts::read(&Fields::new("c.json".into(), value).unwrap(), task)
    }

    #[test]
    fn names_are_looked_up_and_unknown_ones_list_the_known() {
        let prompts = read(&json!({"prompts": {"query": "q: ", "s2s": null}}), Task::Embed).unwrap();
        assert_eq!(prompts.get("query").unwrap(), "q: ");
        assert_eq!(prompts.get("document").unwrap(), "");
        assert_eq!(prompts.get("s2s").unwrap(), "");
        let err = prompts.get("passage").unwrap_err();
        assert!(err.message().contains("has `document`, `query`, `s2s`"), "{err}");
        assert!(read(&Value::Null, Task::Rerank).unwrap().get("query").is_err());
    }

    #[test]
    fn contradictions_are_errors() {
        for value in [
            json!({"prompts": {"query": "q"}, "default_prompt_name": "passage"}),
            json!({"prompts": ["q"]}),
            json!({"prompts": {"query": 1}}),
            json!({"default_prompt_name": 1}),
        ] {
            assert!(read(&value, Task::Embed).is_err(), "{value}");
        }
    }
}
