//! Layers become a profile: each key is known, each value parsed, the last one wins.

use std::{collections::BTreeMap, path::PathBuf};

use drivetrain_contract::{Error, Precision, Result};
use serde_json::{Map, Value};

use crate::profile::{
    Layer, Origin, Sourced,
    assignment::Assignment,
    settings::{Backend, Choice, Device, Model, Plugins, PrecisionSetting, Setting, Threads, ThreadsSetting},
};

/// The table that holds one table for each backend.
const BACKENDS: &str = "backends";
/// How alike two keys must be for one to be offered for the other (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.7;

/// What the user wants, every setting with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `builtin`, a path, or the name of an installed model.
    pub model: Sourced<String>,
    /// Which backend runs it.
    pub backend: Sourced<Choice>,
    /// Which of the backend's devices.
    pub device: Sourced<Choice>,
    /// Precision to compute in.
    pub precision: Sourced<Precision>,
    /// Threads to compute with.
    pub threads: Sourced<Threads>,
    /// Folders that hold plugins.
    pub plugins: Sourced<Vec<PathBuf>>,
    /// Settings of the backends: id, key, value.
    pub backends: BTreeMap<String, BTreeMap<String, Sourced<Value>>>,
}

impl Profile {
    /// The default profile with `layers` over it, later ones winning.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown key, with the nearest known one, or a value of the
    /// wrong type; each names the place.
    pub fn build(layers: &[Layer]) -> Result<Self> {
        let defaults = Layer::defaults();
        let mut values: BTreeMap<&'static str, &Assignment> = BTreeMap::new();
        let mut backends: BTreeMap<String, BTreeMap<String, Sourced<Value>>> = BTreeMap::new();
        for assignment in std::iter::once(&defaults).chain(layers).flat_map(|layer| &layer.assignments) {
            match &assignment.key[..] {
                [table, id, key] if table == BACKENDS => {
                    let sourced = Sourced { value: assignment.value.clone(), origin: assignment.origin.clone() };
                    backends.entry(id.clone()).or_default().insert(key.clone(), sourced);
                }
                [table, ..] if table == BACKENDS => return Err(not_a_table(assignment)),
                _ => {
                    values.insert(known_key(assignment)?, assignment);
                }
            }
        }
        Ok(Self {
            model: take::<Model>(&values)?,
            backend: take::<Backend>(&values)?,
            device: take::<Device>(&values)?,
            precision: take::<PrecisionSetting>(&values)?,
            threads: take::<ThreadsSetting>(&values)?,
            plugins: take::<Plugins>(&values)?,
            backends,
        })
    }

    /// The table `[backends.<id>]` as the backend gets it.
    pub fn backend_config(&self, id: &str) -> Map<String, Value> {
        let table = self.backends.get(id).into_iter().flatten();
        table.map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect()
    }
}

/// Every top-level setting.
const KEYS: [&str; 6] =
    [Model::KEY, Backend::KEY, Device::KEY, PrecisionSetting::KEY, ThreadsSetting::KEY, Plugins::KEY];

fn known_key(assignment: &Assignment) -> Result<&'static str> {
    let dotted = assignment.dotted();
    if let Some(key) = KEYS.into_iter().find(|key| *key == dotted) {
        return Ok(key);
    }
    let likeness = |key: &&str| strsim::jaro_winkler(key, &dotted);
    let nearest = KEYS.into_iter().chain([BACKENDS]).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let error = Error::invalid(format!("{}: unknown setting `{dotted}`", assignment.origin));
    Err(match nearest.filter(|key| likeness(key) >= ALIKE) {
        Some(nearest) => error.with_hint(format!("did you mean `{nearest}`?")),
        None => error.with_hint(format!("the settings are {}, and tables `[{BACKENDS}.<id>]`", KEYS.join(", "))),
    })
}

fn not_a_table(assignment: &Assignment) -> Error {
    Error::invalid(format!("{}: `{}` must be a table", assignment.origin, assignment.dotted()))
        .with_hint(format!("write `[{BACKENDS}.<id>]` and the backend's settings below it"))
}

fn take<S: Setting>(values: &BTreeMap<&'static str, &Assignment>) -> Result<Sourced<S::Value>> {
    let key = S::KEY;
    let Some(assignment) = values.get(key) else {
        return Err(Error::internal(format!("the default profile lacks `{key}`")));
    };
    let wrong = |err: Error| {
        let place = match &assignment.origin {
            Origin::Flag(flag) => format!("`{flag}`"),
            origin => format!("{origin}: `{key}`"),
        };
        let error = Error::invalid(format!("{place}: {}", err.message()));
        match err.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    let value = S::parse(&assignment.value).map_err(wrong)?;
    Ok(Sourced { value, origin: assignment.origin.clone() })
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn build(text: &str) -> Result<Profile> {
        Profile::build(&[Layer::text(text)?])
    }

    fn check_refused(text: &str, expected: &str) {
        let message = build(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?} gave {message:?}");
    }

    #[test]
    fn the_default_profile_is_whole() {
        let profile = Profile::build(&[]).unwrap();
        assert_eq!(profile.model.value, "builtin");
        assert_eq!(profile.backend.value, Choice::Auto);
        assert_eq!(profile.threads.value, Threads::Auto);
        assert_eq!(profile.precision.origin, Origin::Default);
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let mut flags = Layer::default();
        flags.set("threads", 3, Origin::Flag("--threads"));
        let file = Layer::text("threads = 2\nmodel = \"m\"\n[backends.e]\na = 1\nb = { c = [1.5, true] }").unwrap();
        let profile = Profile::build(&[file, flags]).unwrap();
        assert_eq!(profile.threads.value, Threads::Count(NonZeroUsize::new(3).unwrap()));
        assert_eq!(profile.threads.origin, Origin::Flag("--threads"));
        assert_eq!(profile.model.origin, Origin::Program);
        assert_eq!(Value::Object(profile.backend_config("e")).to_string(), r#"{"a":1,"b":{"c":[1.5,true]}}"#);
        assert!(profile.backend_config("other").is_empty());
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        check_refused("modell = \"x\"", "unknown setting `modell` (hint: did you mean `model`?)");
        check_refused("[backend.onnxruntime]\nx = 1", "unknown setting `backend.onnxruntime.x`");
        check_refused("zzz = 1", "the settings are model, backend");
    }

    #[test]
    fn wrong_values_say_what_is_wanted() {
        check_refused("threads = 0", "`threads`");
        check_refused("threads = \"many\"", "`threads`");
        check_refused("precision = \"fp32\"", "unknown precision `fp32`");
        check_refused("model = 1", "must be text");
        check_refused("plugins = \"/x\"", "must be a list");
        check_refused("plugins = [\"relative\"]", "absolute");
        check_refused("backends = 1", "must be a table");
        check_refused("backends.e = 1", "must be a table");
        check_refused("threads = 99999999999999999999", "out of range");
    }

    #[test]
    fn broken_toml_names_line_and_column() {
        check_refused("model = \"a\"\nthreads = = 2", "`profile`:2:");
    }
}
