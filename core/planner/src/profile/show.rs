//! A profile as TOML again, each value with its origin.

use std::fmt::Write;

use serde_json::Value;

use crate::profile::{
    Origin, Profile, Sourced,
    settings::{Backend, Device, Model, Plugins, PrecisionSetting, Setting, ThreadsSetting},
};

impl Profile {
    /// The resolved profile as TOML with the origin of each value as a comment.
    pub fn show(&self) -> String {
        let mut lines = vec![
            setting::<Model>(&self.model),
            setting::<Backend>(&self.backend),
            setting::<Device>(&self.device),
            setting::<PrecisionSetting>(&self.precision),
            setting::<ThreadsSetting>(&self.threads),
            setting::<Plugins>(&self.plugins),
        ];
        for (id, table) in &self.backends {
            lines.push((String::new(), String::new()));
            lines.push((format!("[backends.{}]", key_text(id)), String::new()));
            lines.extend(table.iter().map(|(key, sourced)| line(key, &sourced.value, &sourced.origin)));
        }
        align(&lines)
    }
}

fn setting<S: Setting>(sourced: &Sourced<S::Value>) -> (String, String) {
    line(S::KEY, &S::show(&sourced.value), &sourced.origin)
}

fn line(key: &str, value: &Value, origin: &Origin) -> (String, String) {
    (format!("{} = {}", key_text(key), value_text(value)), origin.to_string())
}

fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { Value::from(key).to_string() }
}

/// JSON and TOML write text, numbers, booleans and lists alike; only tables differ.
fn value_text(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> =
                table.iter().map(|(key, value)| format!("{} = {}", key_text(key), value_text(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(value_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn align(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0);
    lines.iter().fold(String::new(), |mut out, (text, origin)| {
        // Writing into a String cannot fail.
        let _ = if origin.is_empty() { writeln!(out, "{text}") } else { writeln!(out, "{text:width$}  # {origin}") };
        out
    })
}

#[cfg(test)]
mod tests {
    use crate::profile::{Layer, Profile};

    #[test]
    fn what_is_shown_reads_back_as_the_same_profile() {
        let text = "model = \"/a \\\"b\\\"\"\nthreads = 4\n[backends.e]\nlist = [1, \"x\"]\nt = { a = true }\n";
        let profile = Profile::build(&[Layer::text(text).unwrap()]).unwrap();
        let shown = profile.show();
        let again = Profile::build(&[Layer::text(&shown).unwrap()]).unwrap();
        assert_eq!(again.model.value, profile.model.value);
        assert_eq!(again.threads.value, profile.threads.value);
        assert_eq!(again.backend_config("e"), profile.backend_config("e"));
        assert!(shown.contains("# default") && shown.contains("# program"), "{shown}");
    }
}
