//! All settings by their keys, and the one that was probably meant.

use std::path::Path;

use drivetrain_contract::Result;
use serde_json::Value;

use super::{
    AllowBackends, AllowDevices, AllowEmulated, ArtifactsSetting, Backend, BatchInvariant, BatchTokens, DenyBackends,
    DenyDevices, Device, Disk, Frozen, GoalSetting, MaxBatch, MaxLoss, Memory, MinCosine, Model, Pairs, Plugins,
    PrecisionSetting, RulesSetting, Sample, Sessions, Setting, TextLengthSetting, Threads, TokenizerThreads,
    TuneSeconds, TuneSetting, Window,
};
use crate::profile::{Side, side::split};

/// The table that holds one table for each backend.
pub(crate) const BACKENDS: &str = "backends";
/// How alike two keys must be for one to be offered for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.7;
/// The same for the name of a side, which must not be taken for that of a setting.
const SIDE_ALIKE: f64 = 0.85;

/// What there is to know of a setting whatever the type of its value.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) key: &'static str,
    pub(crate) schema: fn() -> Value,
    pub(crate) beside: fn(&Path, &mut Value) -> Result<()>,
}

/// Every setting, in the order in which they are shown.
pub(crate) const SETTINGS: [Known; 30] = [
    Known::of::<Model>(),
    Known::of::<Backend>(),
    Known::of::<Device>(),
    Known::of::<PrecisionSetting>(),
    Known::of::<AllowEmulated>(),
    Known::of::<Threads>(),
    Known::of::<Plugins>(),
    Known::of::<GoalSetting>(),
    Known::of::<TextLengthSetting>(),
    Known::of::<Sample>(),
    Known::of::<MaxLoss>(),
    Known::of::<MinCosine>(),
    Known::of::<Pairs>(),
    Known::of::<BatchInvariant>(),
    Known::of::<Memory>(),
    Known::of::<Disk>(),
    Known::of::<AllowBackends>(),
    Known::of::<DenyBackends>(),
    Known::of::<AllowDevices>(),
    Known::of::<DenyDevices>(),
    Known::of::<RulesSetting>(),
    Known::of::<ArtifactsSetting>(),
    Known::of::<TuneSetting>(),
    Known::of::<TuneSeconds>(),
    Known::of::<Frozen>(),
    Known::of::<BatchTokens>(),
    Known::of::<MaxBatch>(),
    Known::of::<Window>(),
    Known::of::<Sessions>(),
    Known::of::<TokenizerThreads>(),
];

impl Known {
    /// What there is to know of `S`.
    pub(crate) const fn of<S: Setting>() -> Self {
        Self { key: S::KEY, schema: S::schema, beside: S::beside }
    }

    /// The setting with this key.
    pub(crate) fn named(key: &str) -> Option<Self> {
        SETTINGS.into_iter().find(|known| known.key == key)
    }

    /// The setting with this key, whichever side's it is.
    pub(crate) fn at(key: &[String]) -> Option<Self> {
        Self::named(&split(key).1.join("."))
    }

    /// The table it is in, empty for none, and its name there.
    pub(crate) fn split(&self) -> (&'static str, &'static str) {
        self.key.rsplit_once('.').unwrap_or(("", self.key))
    }

    /// Whether its values are text and nothing else.
    pub(crate) fn is_text(&self) -> bool {
        (self.schema)()["type"] == "string"
    }
}

/// The tables the profile itself has, but for those of the backends.
pub(crate) fn tables() -> Vec<&'static str> {
    let mut tables: Vec<&str> =
        SETTINGS.iter().map(|known| known.split().0).filter(|table| !table.is_empty()).collect();
    tables.dedup();
    tables
}

/// Whether this is the key of a table and not of a setting.
pub(crate) fn is_table(key: &[String]) -> bool {
    match split(key) {
        (side, []) => side.is_some(),
        (_, [table]) => table == BACKENDS || tables().contains(&table.as_str()),
        (_, [table, _]) => table == BACKENDS,
        _ => false,
    }
}

/// What `key` was probably meant to be.
pub(crate) fn nearest(key: &[String]) -> Option<String> {
    let (side, rest) = match split(key) {
        (None, [first, rest @ ..]) if !is_table(&key[..1]) => (meant_side(first), rest),
        (side, rest) => (side, rest),
    };
    match side {
        None => nearest_setting(key),
        Some(side) if rest.is_empty() || is_table(rest) => Some([&[side.name().to_owned()], rest].concat().join(".")),
        Some(side) => Some(format!("{side}.{}", nearest_setting(rest)?)),
    }
}

/// The side that `word` is a slip of the keyboard for, if it is.
fn meant_side(word: &str) -> Option<Side> {
    Side::ALL.into_iter().find(|side| strsim::jaro_winkler(side.name(), word) >= SIDE_ALIKE)
}

/// The setting that a key without a side was probably meant for.
fn nearest_setting(key: &[String]) -> Option<String> {
    let dotted = key.join(".");
    let (first, last) = (key.first()?, key.last()?);
    let by_key = SETTINGS.iter().map(|known| {
        // A setting is often written without its table, or in a wrong one.
        let likeness = strsim::jaro_winkler(known.key, &dotted).max(strsim::jaro_winkler(known.split().1, last));
        (likeness, known.key.to_owned())
    });
    let table = [&[BACKENDS.to_owned()], &key[1..]].concat().join(".");
    let by_table = std::iter::once((strsim::jaro_winkler(BACKENDS, first), table));
    let (likeness, nearest) = by_key.chain(by_table).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness >= ALIKE).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_nearest(key: &str, expected: Option<&str>) {
        let parts: Vec<String> = key.split('.').map(str::to_owned).collect();
        assert_eq!(nearest(&parts).as_deref(), expected, "{key}");
    }

    #[test]
    fn slips_of_the_keyboard_find_what_was_meant() {
        check_nearest("modell", Some("model"));
        check_nearest("model.name", Some("model"));
        check_nearest("batch_tokens", Some("pipeline.batch_tokens"));
        check_nearest("pipeline.batch_token", Some("pipeline.batch_tokens"));
        check_nearest("pipelin.window", Some("pipeline.window"));
        check_nearest("backend.onnxruntime.library", Some("backends.onnxruntime.library"));
        check_nearest("backnds", Some("backends"));
        check_nearest("query.thread", Some("query.threads"));
        check_nearest("querry.pipeline.windw", Some("query.pipeline.window"));
        check_nearest("documents.pipeline", Some("document.pipeline"));
        check_nearest("document.backend.e.a", Some("document.backends.e.a"));
        check_nearest("device.x", Some("device"));
        check_nearest("zzz", None);
    }

    #[test]
    fn keys_are_distinct_and_tables_are_no_settings() {
        for (idx, known) in SETTINGS.iter().enumerate() {
            assert!(SETTINGS[idx + 1..].iter().all(|other| other.key != known.key), "{}", known.key);
            assert!(!is_table(&[known.key.to_owned()]), "{}", known.key);
        }
        assert_eq!(tables(), ["workload", "accuracy", "limits", "plan", "pipeline"]);
    }
}
