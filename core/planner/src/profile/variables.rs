//! Settings in environment variables: `DRIVETRAIN_THREADS`, `DRIVETRAIN_PIPELINE__WINDOW`.

use std::ffi::OsString;

use drivetrain_contract::{Error, Result};

use crate::profile::{
    Layer, Origin, Side,
    inherits::{self, Document},
    settings::{BACKENDS, Known, SETTINGS},
    side::split,
    typed,
};

/// What the names of all our variables begin with.
const PREFIX: &str = "DRIVETRAIN_";
/// What separates a table from the key in it. Keys themselves contain single underscores.
const SEPARATOR: &str = "__";
/// Variables that are no settings: they are read elsewhere.
const RESERVED: [&str; 4] = ["DRIVETRAIN_CACHE", "DRIVETRAIN_CONFIG_HOME", "DRIVETRAIN_HOME", "DRIVETRAIN_PLUGIN_PATH"];
/// Variables of our own tests.
const TESTING: [&str; 2] = ["DRIVETRAIN_BLESS", "DRIVETRAIN_TEST_"];
/// How alike two names must be for one to be offered for the other (Jaro-Winkler, 0 to 1). All begin alike.
const ALIKE: f64 = 0.85;

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    /// The settings made there.
    pub layer: Layer,
    /// A complaint for each variable of ours that is none, with the nearest known name. It may be meant for another
    /// version of the program, so it is no error.
    pub unknown: Vec<String>,
}

impl Variables {
    /// The settings among `variables`; what does not begin with `DRIVETRAIN_`, or is empty, is left out.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for a value that is not UTF-8 or no TOML; the message names the
    /// variable. Whether a value is right is found out when the profile is built.
    pub fn new(variables: impl IntoIterator<Item = (String, OsString)>) -> Result<Self> {
        let mut assignments = Vec::new();
        let mut unknown = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !value.is_empty()) else { continue };
            if RESERVED.contains(&&*name) || TESTING.iter().any(|testing| name.starts_with(testing)) {
                continue;
            }
            let Some(key) = key_of(rest) else {
                unknown.push(complaint(&name));
                continue;
            };
            let value = value.into_string().map_err(|_| Error::invalid(format!("`{name}` is not UTF-8")))?;
            assignments.push(typed::assignment(key, &value, Origin::Variable(name))?);
        }
        // The environment has no order of its own: two runs must give the same. What is about a side comes last, so that
        // it wins over what counts for both.
        assignments.sort_by(|a, b| split(&a.key).cmp(&split(&b.key)));
        unknown.sort();
        Ok(Self { layer: Layer::resolved(Document::Text, assignments)?, unknown })
    }
}

/// The setting a variable is for, by what follows the prefix in its name.
fn key_of(rest: &str) -> Option<Vec<String>> {
    if rest.contains(|c: char| c.is_ascii_lowercase()) {
        return None;
    }
    let key: Vec<String> = rest.split(SEPARATOR).map(str::to_ascii_lowercase).collect();
    let of_backend =
        matches!(split(&key).1, [table, _, _, ..] if table == BACKENDS) && !key.iter().any(String::is_empty);
    (of_backend || key == [inherits::KEY] || Known::at(&key).is_some()).then_some(key)
}

fn complaint(name: &str) -> String {
    let variable = |key: &str| format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_ascii_uppercase());
    let settings = SETTINGS.iter().map(|known| variable(known.key));
    let of_sides = SETTINGS.iter().filter(|known| Side::refuses(known.key).is_none());
    let of_sides = of_sides.flat_map(|known| Side::ALL.map(|side| variable(&format!("{side}.{}", known.key))));
    let known = settings.chain(of_sides).chain(RESERVED.map(str::to_owned)).chain([variable(inherits::KEY)]);
    let upper = name.to_ascii_uppercase();
    let nearest = known
        .map(|known| (strsim::jaro_winkler(&known[PREFIX.len()..], &upper[PREFIX.len()..]), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness >= ALIKE);
    match nearest {
        Some((_, nearest)) => format!("unknown variable `{name}` (hint: did you mean `{nearest}`?)"),
        None => {
            format!("unknown variable `{name}` (hint: a setting's is called like `{}`)", variable("pipeline.window"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::profile::Profile;

    fn read(variables: &[(&str, &str)]) -> Result<Variables> {
        Variables::new(variables.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))))
    }

    fn build(variables: &[(&str, &str)]) -> Result<Profile> {
        Profile::build(&[read(variables)?.layer])
    }

    fn check_refused(name: &str, value: &str, expected: &str) {
        let message = build(&[(name, value)]).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    fn check_unknown(name: &str, expected: &str) {
        let variables = read(&[(name, "x")]).unwrap();
        assert!(variables.layer.assignments.is_empty());
        assert_eq!(variables.unknown, [expected]);
    }

    #[test]
    fn names_are_keys_and_values_are_toml_or_text() {
        let profile = build(&[
            ("DRIVETRAIN_MODEL", "2024"),
            ("DRIVETRAIN_PIPELINE__BATCH_TOKENS", "4096"),
            ("DRIVETRAIN_PLUGINS", "['/a']"),
            ("DRIVETRAIN_BACKENDS__ONNXRUNTIME__INTRA_THREADS", "2"),
            ("DRIVETRAIN_BACKENDS__E__T__A", "true"),
            ("DRIVETRAIN_QUERY__PIPELINE__SESSIONS", "1"),
            ("DRIVETRAIN_DOCUMENT__BACKENDS__E__A", "x"),
            ("DRIVETRAIN_WORKLOAD__SAMPLE", "texts.txt"),
            ("DRIVETRAIN_THREADS", ""),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(profile.model.value, "2024");
        assert_eq!(profile.pipeline.batch_tokens.value.count().unwrap().get(), 4096);
        assert_eq!(profile.pipeline.batch_tokens.origin.to_string(), "DRIVETRAIN_PIPELINE__BATCH_TOKENS");
        assert_eq!(profile.plugins.value, [std::path::Path::new("/a")]);
        assert_eq!(profile.backend_config("onnxruntime")["intra_threads"], 2);
        assert_eq!(profile.backend_config("e")["t"], json!({ "a": true }));
        assert_eq!(profile.for_side(Side::Query).pipeline.sessions.value.count().unwrap().get(), 1);
        assert_eq!(profile.for_side(Side::Document).backend_config("e")["a"], "x");
        assert_eq!(profile.workload.sample.value.as_deref(), Some(std::path::Path::new("texts.txt")));
        assert_eq!(profile.threads.origin, Origin::Default);
    }

    #[test]
    fn a_shipped_profile_is_inherited_by_name() {
        let profile = build(&[("DRIVETRAIN_INHERITS", "latency"), ("DRIVETRAIN_PIPELINE__SESSIONS", "3")]).unwrap();
        assert_eq!(profile.pipeline.max_batch.origin, Origin::Shipped("latency"));
        assert_eq!(profile.pipeline.sessions.value.count().unwrap().get(), 3);
    }

    #[test]
    fn bad_values_name_the_variable() {
        check_refused("DRIVETRAIN_THREADS", "many", "`DRIVETRAIN_THREADS`: must be `auto` or a number");
        check_refused("DRIVETRAIN_PIPELINE__WINDOW", "0", "`DRIVETRAIN_PIPELINE__WINDOW`: must be");
        check_refused("DRIVETRAIN_PLUGINS", "[1", "`DRIVETRAIN_PLUGINS`: `[1` is not TOML");
        check_refused("DRIVETRAIN_PLUGINS", "/a", "`DRIVETRAIN_PLUGINS`: must be a list");
        check_refused("DRIVETRAIN_INHERITS", "./a.toml", "DRIVETRAIN_INHERITS: cannot inherit the file");
    }

    #[cfg(unix)]
    #[test]
    fn values_are_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(vec![0xff]);
        let message = Variables::new([("DRIVETRAIN_MODEL".to_owned(), value)]).unwrap_err().to_string();
        assert_eq!(message, "`DRIVETRAIN_MODEL` is not UTF-8");
    }

    #[test]
    fn unknown_names_get_the_nearest_one() {
        check_unknown(
            "DRIVETRAIN_MODLE",
            "unknown variable `DRIVETRAIN_MODLE` (hint: did you mean `DRIVETRAIN_MODEL`?)",
        );
        check_unknown(
            "DRIVETRAIN_PIPELINE_WINDOW",
            "unknown variable `DRIVETRAIN_PIPELINE_WINDOW` (hint: did you mean `DRIVETRAIN_PIPELINE__WINDOW`?)",
        );
        check_unknown(
            "DRIVETRAIN_Threads",
            "unknown variable `DRIVETRAIN_Threads` (hint: did you mean `DRIVETRAIN_THREADS`?)",
        );
        check_unknown(
            "DRIVETRAIN_QUERY__THREAD",
            "unknown variable `DRIVETRAIN_QUERY__THREAD` (hint: did you mean `DRIVETRAIN_QUERY__THREADS`?)",
        );
        let far = "unknown variable `DRIVETRAIN_ZZZ` (hint: a setting's is called like `DRIVETRAIN_PIPELINE__WINDOW`)";
        check_unknown("DRIVETRAIN_ZZZ", far);
        assert_eq!(read(&[("DRIVETRAIN_BACKENDS__E", "1")]).unwrap().unknown.len(), 1);
        assert_eq!(read(&[("DRIVETRAIN_", "1")]).unwrap().unknown.len(), 1);
    }

    #[test]
    fn variables_read_elsewhere_are_no_settings() {
        for name in RESERVED.into_iter().chain(["DRIVETRAIN_TEST_HOME", "DRIVETRAIN_BLESS"]) {
            let variables = read(&[(name, "/x")]).unwrap();
            assert!(variables.unknown.is_empty() && variables.layer.assignments.is_empty(), "{name}");
            assert!(key_of(name.strip_prefix(PREFIX).unwrap()).is_none(), "`{name}` is a setting too");
        }
    }
}
