//! One of a few words, or the program's choice: what `precision` and `workload.goal` hold.

use drivetrain_contract::{Error, Result};
use serde_json::{Value, json};

/// Something with a few values that each have a word.
pub(crate) trait Word: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];

    /// Its word.
    fn name(self) -> &'static str;

    /// The value of a word.
    fn parse(value: &Value) -> Result<Self> {
        let found = Self::ALL.iter().find(|known| value.as_str() == Some(known.name()));
        found.copied().ok_or_else(|| Error::invalid(format!("must be {}, not `{value}`", alternatives(&Self::words()))))
    }

    /// The value of a word, nothing for `auto`.
    fn parse_or_auto(value: &Value) -> Result<Option<Self>> {
        if value.as_str() == Some("auto") {
            return Ok(None);
        }
        Self::parse(value).map(Some).map_err(|_| {
            let words = [vec!["auto"], Self::words()].concat();
            Error::invalid(format!("must be {}, not `{value}`", alternatives(&words)))
        })
    }

    /// The value as a profile has it.
    fn show_or_auto(value: Option<Self>) -> Value {
        Value::from(value.map_or("auto", Self::name))
    }

    /// JSON Schema of its words.
    fn schema() -> Value {
        json!({ "type": "string", "enum": Self::words() })
    }

    /// JSON Schema of its words and `auto`.
    fn schema_with_auto() -> Value {
        let words = [vec!["auto"], Self::words()].concat();
        json!({ "type": "string", "enum": words })
    }

    /// Every word.
    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|value| value.name()).collect()
    }
}

/// `` `a`, `b` or `c` ``.
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::settings::Goal;

    #[test]
    fn words_are_read_shown_and_listed() {
        assert_eq!(Goal::parse_or_auto(&json!("auto")).unwrap(), None);
        for goal in <Goal as Word>::ALL {
            let shown = Goal::show_or_auto(Some(*goal));
            assert_eq!(Goal::parse_or_auto(&shown).unwrap(), Some(*goal));
            assert_eq!(serde_json::to_value(goal).unwrap(), shown);
        }
        for wrong in [json!("fast"), json!(1), json!(null)] {
            let message = Goal::parse_or_auto(&wrong).unwrap_err().to_string();
            assert!(message.starts_with("must be `auto`, `latency`, `throughput` or `memory`"), "{message}");
        }
        assert_eq!(Goal::schema_with_auto()["enum"][0], "auto");
    }
}
