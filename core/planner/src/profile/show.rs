//! A resolved profile, each value with its origin: as TOML, as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::profile::{
    Origin, Profile, Sourced,
    settings::{
        AllowBackends, AllowDevices, AllowEmulated, ArtifactsSetting, BACKENDS, Backend, BatchInvariant, BatchTokens,
        DenyBackends, DenyDevices, Device, Disk, Frozen, GoalSetting, Known, MaxBatch, MaxLoss, Memory, MinCosine,
        Model, Pairs, Plugins, PrecisionSetting, RulesSetting, Sample, Sessions, Setting, TextLengthSetting, Threads,
        TokenizerThreads, TuneSeconds, TuneSetting, Window,
    },
    side::{Backends, OneSide},
};

impl Profile {
    /// The resolved profile as TOML with the origin of each value as a comment. Sides show what is their own.
    pub fn show(&self) -> String {
        let mut lines = lines_of("", &self.settings(), &self.backends);
        for (side, one) in &self.sides {
            lines.extend(lines_of(side.name(), &one.own_settings(), &one.own_backends));
        }
        align(&lines)
    }

    /// The resolved profile as JSON: tables as in a profile, each setting an object of `value` and `origin`.
    pub fn to_json(&self) -> Value {
        let mut root = object_of(&self.settings(), &self.backends);
        let sides = self.sides.iter();
        root.extend(
            sides.map(|(side, one)| (side.name().to_owned(), object_of(&one.own_settings(), &one.own_backends).into())),
        );
        Value::Object(root)
    }

    /// Every setting but those of backends, in the order of the default profile.
    pub(crate) fn settings(&self) -> [Shown<'_>; 30] {
        let Self { workload, accuracy, limits, plan, pipeline, .. } = self;
        [
            shown::<Model>(&self.model),
            shown::<Backend>(&self.backend),
            shown::<Device>(&self.device),
            shown::<PrecisionSetting>(&self.precision),
            shown::<AllowEmulated>(&self.allow_emulated),
            shown::<Threads>(&self.threads),
            shown::<Plugins>(&self.plugins),
            shown::<GoalSetting>(&workload.goal),
            shown::<TextLengthSetting>(&workload.text_length),
            shown::<Sample>(&workload.sample),
            shown::<MaxLoss>(&accuracy.max_loss),
            shown::<MinCosine>(&accuracy.min_cosine),
            shown::<Pairs>(&accuracy.pairs),
            shown::<BatchInvariant>(&accuracy.batch_invariant),
            shown::<Memory>(&limits.memory),
            shown::<Disk>(&limits.disk),
            shown::<AllowBackends>(&limits.allow_backends),
            shown::<DenyBackends>(&limits.deny_backends),
            shown::<AllowDevices>(&limits.allow_devices),
            shown::<DenyDevices>(&limits.deny_devices),
            shown::<RulesSetting>(&plan.rules),
            shown::<ArtifactsSetting>(&plan.artifacts),
            shown::<TuneSetting>(&plan.tune),
            shown::<TuneSeconds>(&plan.tune_seconds),
            shown::<Frozen>(&plan.frozen),
            shown::<BatchTokens>(&pipeline.batch_tokens),
            shown::<MaxBatch>(&pipeline.max_batch),
            shown::<Window>(&pipeline.window),
            shown::<Sessions>(&pipeline.sessions),
            shown::<TokenizerThreads>(&pipeline.tokenizer_threads),
        ]
    }
}

impl OneSide {
    fn own_settings(&self) -> Vec<Shown<'_>> {
        self.profile.settings().into_iter().filter(|shown| self.own.contains(shown.known.key)).collect()
    }
}

/// A setting with its value as a profile has it.
pub(crate) struct Shown<'a> {
    pub(crate) known: Known,
    pub(crate) value: Value,
    pub(crate) origin: &'a Origin,
}

fn shown<S: Setting>(sourced: &Sourced<S::Value>) -> Shown<'_> {
    Shown { known: Known::of::<S>(), value: S::show(&sourced.value), origin: &sourced.origin }
}

/// The lines of a profile, or of the table `prefix` in one: text, origin.
fn lines_of(prefix: &str, settings: &[Shown<'_>], backends: &Backends) -> Vec<(String, String)> {
    let below = |table: &str| [prefix, table].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(".");
    let mut lines = Vec::new();
    let mut open_table = String::new();
    for shown in settings {
        let (table, name) = shown.known.split();
        let table = below(table);
        if table != open_table {
            lines.extend(header(&table));
            open_table = table;
        }
        lines.push(line(name, &shown.value, shown.origin));
    }
    for (id, table) in backends {
        lines.extend(header(&below(&format!("{BACKENDS}.{}", key_text(id)))));
        lines.extend(table.iter().map(|(key, sourced)| line(key, &sourced.value, &sourced.origin)));
    }
    lines
}

/// The same as JSON.
fn object_of(settings: &[Shown<'_>], backends: &Backends) -> Map<String, Value> {
    let mut root = Map::new();
    for shown in settings {
        let (table, name) = shown.known.split();
        let entries = match table {
            "" => Some(&mut root),
            table => root.entry(table).or_insert_with(|| json!({})).as_object_mut(),
        };
        entries.map(|entries| entries.insert(name.to_owned(), with_origin(&shown.value, shown.origin)));
    }
    let backends = backends.iter().map(|(id, table)| {
        let entries = table.iter().map(|(key, sourced)| (key.clone(), with_origin(&sourced.value, &sourced.origin)));
        (id.clone(), entries.collect())
    });
    root.insert(BACKENDS.to_owned(), Value::Object(backends.collect()));
    root
}

fn with_origin(value: &Value, origin: &Origin) -> Value {
    json!({ "value": value, "origin": origin.to_json() })
}

fn header(table: &str) -> [(String, String); 2] {
    [(String::new(), String::new()), (format!("[{table}]"), String::new())]
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
    use serde_json::json;

    use crate::profile::{Layer, Profile, Side, settings::SETTINGS};

    #[test]
    fn what_is_shown_reads_back_as_the_same_profile() {
        let text = "model = \"/a \\\"b\\\"\"\nthreads = 4\npipeline.window = 7\n\
                    [backends.e]\nlist = [1, \"x\"]\nt = { a = true }\n\
                    [query]\nthreads = 1\n[query.workload]\ngoal = \"latency\"\n[document.backends.e]\nlist = []\n";
        let profile = Profile::build(&[Layer::text(text).unwrap()]).unwrap();
        let shown = profile.show();
        let again = Profile::build(&[Layer::text(&shown).unwrap()]).unwrap();
        assert_eq!(again.model.value, profile.model.value);
        assert_eq!(again.threads.value, profile.threads.value);
        assert_eq!(again.pipeline.window.value, profile.pipeline.window.value);
        assert_eq!(again.backend_config("e"), profile.backend_config("e"));
        for side in Side::ALL {
            let [again, profile] = [&again, &profile].map(|profile| profile.for_side(side));
            assert_eq!(again.threads.value, profile.threads.value);
            assert_eq!(again.workload.goal.value, profile.workload.goal.value);
            assert_eq!(again.backend_config("e"), profile.backend_config("e"));
        }
        assert!(shown.contains("# default") && shown.contains("# program"), "{shown}");
        assert_eq!(again.show(), shown.replace("# default", "# program"));
    }

    #[test]
    fn every_setting_is_shown() {
        let profile = Profile::build(&[]).unwrap();
        let shown = profile.settings().map(|shown| shown.known.key);
        assert_eq!(shown, SETTINGS.map(|known| known.key));
    }

    #[test]
    fn json_has_the_tables_of_a_profile() {
        let profile = Profile::build(&[Layer::text("pipeline.window = 7\nbackends.e.a = [1]").unwrap()]).unwrap();
        let shown = profile.to_json();
        assert_eq!(shown["model"], json!({ "value": "builtin", "origin": { "kind": "default" } }));
        assert_eq!(shown["pipeline"]["window"], json!({ "value": 7, "origin": { "kind": "program" } }));
        assert_eq!(shown["backends"]["e"]["a"], json!({ "value": [1], "origin": { "kind": "program" } }));
    }

    #[test]
    fn sides_show_what_is_their_own() {
        let text = "query.threads = 1\nquery.workload.goal = \"memory\"\nquery.backends.\"e.x\".a = 1";
        let profile = Profile::build(&[Layer::text(text).unwrap()]).unwrap();
        let shown = profile.show();
        let query = &shown[shown.find("[query]").unwrap()..];
        let words: Vec<&str> = query.lines().filter_map(|line| line.split("  ").next()).collect();
        assert_eq!(
            words,
            [
                "[query]",
                "threads = 1",
                "",
                "[query.workload]",
                "goal = \"memory\"",
                "",
                "[query.backends.\"e.x\"]",
                "a = 1"
            ]
        );
        let json = profile.to_json();
        assert_eq!(json["query"]["threads"], json!({ "value": 1, "origin": { "kind": "program" } }));
        assert_eq!(json["query"]["backends"]["e.x"]["a"]["value"], 1);
        assert_eq!((&json["query"]["model"], &json["document"]), (&json!(null), &json!(null)));
    }
}
