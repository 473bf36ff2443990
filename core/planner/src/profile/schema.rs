//! The JSON Schema of a profile, for editors.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::profile::{
    Origin, Profile, Side,
    assignment::parse,
    inherits,
    layer::DEFAULT_TOML,
    settings::{BACKENDS, tables},
    shipped::Shipped,
};

impl Profile {
    /// The JSON Schema (draft 7, which editors of TOML know) of a profile file.
    ///
    /// Descriptions and defaults are those of the default profile, so that the two cannot contradict each other.
    pub fn schema() -> Value {
        let comments = comments(DEFAULT_TOML);
        let described = |mut schema: Value, key: &str| {
            schema["description"] = json!(comments.get(key));
            schema
        };
        let mut by_table: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for shown in Self::build(&[]).iter().flat_map(Self::settings) {
            let (table, name) = shown.known.split();
            let mut schema = described((shown.known.schema)(), shown.known.key);
            schema["default"] = shown.value;
            by_table.entry(table).or_default().insert(name.to_owned(), schema);
        }
        let mut root = by_table.remove("").unwrap_or_default();
        for table in tables() {
            let properties = by_table.remove(table);
            let schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
            root.insert(table.to_owned(), described(schema, table));
        }
        let backends = json!({ "type": "object", "additionalProperties": { "type": "object" } });
        root.insert(BACKENDS.to_owned(), described(backends, BACKENDS));
        let side = side_schema(&root);
        for side in Side::ALL.map(Side::name) {
            let schema = json!({ "allOf": [{ "$ref": "#/definitions/side" }] });
            root.insert(side.to_owned(), described(schema, side));
        }
        root.insert(inherits::KEY.to_owned(), inherits_schema());
        let mut schema = json!({
            "definitions": { "side": side },
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Drivetrain profile",
            "type": "object",
            "additionalProperties": false,
            "properties": root,
        });
        // Whether serde_json keeps the order of insertion depends on the features of other crates.
        schema.sort_all_objects();
        schema
    }
}

/// The schema of a side's table: what it may have of its own, which has no default but what the whole says.
fn side_schema(whole: &Map<String, Value>) -> Value {
    let own = |key: &str, schema: &Value| {
        let mut schema = schema.clone();
        schema.as_object_mut()?.remove("default");
        Side::refuses(key).is_none().then_some(schema)
    };
    let mut properties = Map::new();
    for (name, schema) in whole {
        let mut schema = own(name, schema);
        if let Some(inner) = schema.as_mut().and_then(|schema| schema.get_mut("properties")) {
            let table = inner.as_object().into_iter().flatten();
            let kept: Map<String, Value> =
                table.filter_map(|(key, schema)| Some((key.clone(), own(&format!("{name}.{key}"), schema)?))).collect();
            if kept.is_empty() {
                continue;
            }
            *inner = Value::Object(kept);
        }
        properties.extend(schema.map(|schema| (name.clone(), schema)));
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn inherits_schema() -> Value {
    json!({
        "type": "string",
        "minLength": 1,
        "description": format!(
            "The profile this one builds on: the name of a shipped one ({}), or the path of a file, relative to this \
             one, that contains `/` or ends in `.toml`.",
            Shipped::names().join(", ")
        ),
    })
}

/// The comment above each key and each table of a profile, as one line.
fn comments(text: &str) -> BTreeMap<String, String> {
    let line_of = |line| Origin::File { path: Default::default(), line };
    let keys = parse(text, "default.toml", line_of).unwrap_or_default().into_iter().filter_map(|assignment| {
        let Origin::File { line, .. } = assignment.origin else { return None };
        Some((assignment.dotted(), line))
    });
    let lines: Vec<&str> = text.lines().collect();
    let header = |line: &str| Some(line.strip_prefix('[')?.strip_suffix(']')?.to_owned());
    let tables = lines.iter().enumerate().filter_map(|(idx, line)| Some((header(line)?, idx + 1)));
    let comment = |line: usize| {
        let above = lines[..line - 1].iter().rev().map_while(|line| line.strip_prefix('#'));
        let mut words: Vec<&str> = above.map(str::trim).collect();
        words.reverse();
        words.join(" ")
    };
    keys.chain(tables).map(|(key, line)| (key, comment(line))).collect()
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;
    use crate::profile::settings::SETTINGS;

    #[test]
    fn the_schema_in_the_repository_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/profile.schema.json");
        let schema = Profile::schema();
        if env::var_os("DRIVETRAIN_BLESS").is_some() {
            fs::write(&path, format!("{schema:#}\n")).unwrap();
        }
        let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(
            written == schema,
            "`configs/profile.schema.json` is stale: run `DRIVETRAIN_BLESS=1 cargo test -p drivetrain-planner`"
        );
    }

    /// Every setting below `properties`: dotted key, schema.
    fn leaves(properties: &Value, table: &str) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for (name, schema) in properties.as_object().unwrap() {
            let key = format!("{table}{name}");
            match schema.get("properties") {
                Some(inner) => found.extend(leaves(inner, &format!("{key}."))),
                None => found.push((key, schema.clone())),
            }
        }
        found
    }

    #[test]
    fn the_default_profile_has_every_key_of_the_schema_with_its_default() {
        let defaults: toml::Table = DEFAULT_TOML.parse().unwrap();
        let mut leaves = leaves(&Profile::schema()["properties"], "");
        leaves.retain(|(key, _)| ![BACKENDS, inherits::KEY, "query", "document"].contains(&&**key));
        assert_eq!(leaves.len(), SETTINGS.len());
        for (key, schema) in leaves {
            let (table, name) = key.rsplit_once('.').unwrap_or(("", &key));
            let table = if table.is_empty() { &defaults } else { defaults[table].as_table().unwrap() };
            assert_eq!(serde_json::to_value(&table[name]).unwrap(), schema["default"], "{key}");
        }
    }

    #[test]
    fn every_setting_is_described_with_the_values_it_takes() {
        for (key, schema) in leaves(&Profile::schema()["properties"], "") {
            let text = schema["description"].as_str().unwrap_or_default();
            assert!(text.len() > 20, "`{key}` lacks a comment in default.toml: {text:?}");
            let choices = schema["enum"].as_array().into_iter().flatten();
            for choice in choices.map(|choice| choice.as_str().unwrap().to_owned()) {
                assert!(text.contains(&format!("`{choice}`")), "`{key}`: {text}");
            }
            let number = &schema["anyOf"][1];
            if let Some(most) = number["maximum"].as_u64().filter(|_| number["type"] == "integer") {
                assert!(text.contains(&format!("from 1 to {most}")), "`{key}`: {text}");
            }
            if schema["anyOf"].as_array().is_some_and(|kinds| kinds.contains(&json!({ "const": "auto" }))) {
                assert!(text.contains("`auto`"), "`{key}`: {text}");
            }
        }
    }

    #[test]
    fn a_side_has_what_may_differ() {
        let schema = Profile::schema();
        let side = &schema["definitions"]["side"]["properties"];
        let keys: Vec<String> = leaves(side, "").into_iter().map(|(key, _)| key).collect();
        for known in SETTINGS {
            let own = keys.iter().any(|key| key == known.key);
            assert_eq!(own, Side::refuses(known.key).is_none(), "{}", known.key);
        }
        assert!(side["plan"].is_null() && side["query"].is_null() && side[inherits::KEY].is_null());
        assert!(side["threads"]["default"].is_null() && side["backends"].is_object());
    }
}
