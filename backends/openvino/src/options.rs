//! The table `[backends.openvino]`: read, checked, and turned into what one session uses.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf};

use drivetrain_contract::{Error, Precision, Result, SessionOptions};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// JSON Schema of the table, which also documents every key and its default.
pub(crate) const CONFIG_SCHEMA: &str = include_str!("schema.json");

const LIBRARY: &str = "library";

const KEYS: [&str; 10] = [
    LIBRARY,
    "num_streams",
    "inference_num_threads",
    "enable_cpu_pinning",
    "performance_hint",
    "dynamic_quantization_group_size",
    "int8_rest",
    "cache_dir",
    "allow_emulated",
    "properties",
];

/// Properties of the engine that are not to be set by their own name, and the setting that stands for each.
pub(crate) const RESERVED: [(&str, &str); 7] = [
    ("INFERENCE_PRECISION_HINT", "the profile's `precision`, or `int8_rest`"),
    ("NUM_STREAMS", "`num_streams`"),
    ("INFERENCE_NUM_THREADS", "`inference_num_threads`"),
    ("ENABLE_CPU_PINNING", "`enable_cpu_pinning`"),
    ("PERFORMANCE_HINT", "`performance_hint`"),
    ("DYNAMIC_QUANTIZATION_GROUP_SIZE", "`dynamic_quantization_group_size`"),
    ("CACHE_DIR", "`cache_dir`"),
];

/// The settings as written: every key known, nothing else decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config(Map<String, Value>);

impl Config {
    /// Reads a JSON object; an empty text is an empty object.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        if json.trim().is_empty() {
            return Ok(Self::default());
        }
        let table: Map<String, Value> = serde_json::from_str(json).map_err(|err| {
            Error::invalid("the settings of the backend `openvino` are not a JSON object").with_source(err)
        })?;
        match table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(key) => Err(unknown_key(key)),
            None => Ok(Self(table)),
        }
    }

    /// These settings with those of one session laid over them.
    pub(crate) fn with_session(&self, json: &str) -> Result<Self> {
        let session = Self::parse(json)?;
        if session.0.get(LIBRARY).is_some_and(|library| self.0.get(LIBRARY) != Some(library)) {
            return Err(Error::invalid("`library` cannot differ from session to session"));
        }
        let mut merged = self.clone();
        merged.0.extend(session.0);
        Ok(merged)
    }

    /// The library to load.
    pub(crate) fn library(&self) -> Result<Option<PathBuf>> {
        self.get(LIBRARY)
    }

    /// A value that is present and not null.
    fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|err| {
                Error::invalid(format!("`{key}` in `[backends.openvino]` cannot be {value}")).with_source(err)
            }),
        }
    }
}

/// What one session uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Runs that can go on at once.
    pub(crate) num_streams: usize,
    /// Threads of all streams together.
    pub(crate) num_threads: usize,
    /// Whether threads are bound to processors.
    pub(crate) cpu_pinning: bool,
    /// What the engine tunes itself for, where the user says so.
    pub(crate) performance_hint: Option<PerformanceHint>,
    /// Group size of dynamic quantisation, where the user says so.
    pub(crate) dynamic_quantization_group_size: Option<u64>,
    /// Precision of what an int8 graph does not compute in 8 bits.
    pub(crate) int8_rest: Precision,
    /// Where compiled models are kept.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether a precision that the device does not list is taken.
    pub(crate) allow_emulated: bool,
    /// Further properties, for the engine to check.
    pub(crate) properties: BTreeMap<String, String>,
}

impl Settings {
    /// Decides everything that the table leaves open for a session with these options.
    pub(crate) fn new(config: &Config, session: &SessionOptions) -> Result<Self> {
        let (streams, threads) = match session.group {
            Some(group) => (group.sessions, group.threads),
            None => (NonZeroUsize::MIN, session.threads),
        };
        let num_threads = config.get("inference_num_threads")?.unwrap_or(threads);
        if num_threads > threads {
            return Err(Error::invalid(format!(
                "{num_threads} `inference_num_threads` are more than the {threads} threads there are for them"
            ))
            .with_hint("raise the profile's `threads`"));
        }
        Ok(Self {
            num_streams: config.get("num_streams")?.unwrap_or(streams).get(),
            num_threads: num_threads.get(),
            cpu_pinning: config.get("enable_cpu_pinning")?.unwrap_or(false),
            performance_hint: config.get("performance_hint")?,
            dynamic_quantization_group_size: config.get("dynamic_quantization_group_size")?,
            int8_rest: config.get::<Int8Rest>("int8_rest")?.unwrap_or(Int8Rest::F32).into(),
            cache_dir: cache_dir(config, session)?,
            allow_emulated: config.get("allow_emulated")?.unwrap_or(false),
            properties: properties(config)?,
        })
    }
}

/// What the engine tunes itself for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PerformanceHint {
    /// One run at a time, soon.
    Latency,
    /// Many runs at once.
    Throughput,
    /// Many runs at once, on several devices.
    CumulativeThroughput,
}

impl PerformanceHint {
    /// The engine's word for it.
    pub(crate) fn value(self) -> &'static str {
        match self {
            Self::Latency => "LATENCY",
            Self::Throughput => "THROUGHPUT",
            Self::CumulativeThroughput => "CUMULATIVE_THROUGHPUT",
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Int8Rest {
    F32,
    Bf16,
    F16,
}

impl From<Int8Rest> for Precision {
    fn from(rest: Int8Rest) -> Self {
        match rest {
            Int8Rest::F32 => Self::F32,
            Int8Rest::Bf16 => Self::Bf16,
            Int8Rest::F16 => Self::F16,
        }
    }
}

/// The folder named, or one below that of the session; an empty text is none.
fn cache_dir(config: &Config, session: &SessionOptions) -> Result<Option<PathBuf>> {
    match config.get::<PathBuf>("cache_dir")? {
        None => Ok(session.cache_dir.as_ref().map(|folder| folder.join("openvino"))),
        Some(folder) if folder.as_os_str().is_empty() => Ok(None),
        Some(folder) if folder.is_absolute() => Ok(Some(folder)),
        Some(folder) => {
            Err(Error::invalid(format!("`cache_dir` must be an absolute path, not `{}`", folder.display())))
        }
    }
}

fn properties(config: &Config) -> Result<BTreeMap<String, String>> {
    let properties: BTreeMap<String, String> = config.get("properties")?.unwrap_or_default();
    match RESERVED.iter().find(|(key, _)| properties.contains_key(*key)) {
        Some((key, instead)) => {
            Err(Error::invalid(format!("`{key}` is not set in `properties`")).with_hint(format!("set {instead}")))
        }
        None => Ok(properties),
    }
}

fn unknown_key(key: &str) -> Error {
    let error = Error::invalid(format!("unknown key `{key}` in `[backends.openvino]`"));
    let nearest = KEYS.iter().map(|known| (distance(key, known), known)).min();
    match nearest {
        Some((edits, known)) if edits <= known.len() / 2 => error.with_hint(format!("did you mean `{known}`?")),
        _ => error.with_hint(format!("it has {}", KEYS.join(", "))),
    }
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a_byte) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b_byte) in b.bytes().enumerate() {
            let edits = (diagonal + usize::from(a_byte != b_byte)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], edits);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::SessionGroup;

    use super::*;

    fn settings(json: &str, threads: usize) -> Result<Settings> {
        Settings::new(&Config::parse(json)?, &SessionOptions::new("cpu", NonZeroUsize::new(threads).unwrap()))
    }

    #[test]
    fn schema_and_reader_know_the_same_keys_values_and_defaults() {
        let schema: Value = serde_json::from_str(CONFIG_SCHEMA).unwrap();
        let properties = schema["properties"].as_object().unwrap();
        let mut documented: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known = KEYS.to_vec();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known);
        for (key, property) in properties {
            assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{key}");
            for value in property["enum"].as_array().into_iter().flatten() {
                assert!(settings(&format!("{{\"{key}\":{value}}}"), 2).is_ok(), "{key} = {value}");
            }
            if let Some(default) = property.get("default") {
                assert_eq!(settings(&format!("{{\"{key}\":{default}}}"), 4).unwrap(), settings("{}", 4).unwrap());
            }
        }
    }

    #[track_caller]
    fn refuses(json: &str, needle: &str) {
        let text = settings(json, 2).unwrap_err().to_text();
        assert!(text.contains(needle), "{text}");
    }

    #[test]
    fn mistakes_are_named_with_the_way_out() {
        refuses(r#"{"num_stream":1}"#, "did you mean `num_streams`?");
        refuses(r#"{"zzz":1}"#, "it has library, num_streams");
        refuses(r#"{"enable_cpu_pinning":"yes"}"#, "`enable_cpu_pinning` in `[backends.openvino]` cannot be \"yes\"");
        refuses(r#"{"num_streams":0}"#, "`num_streams`");
        refuses(r#"{"performance_hint":"max"}"#, "`latency`, `throughput`, `cumulative_throughput`");
        refuses(r#"{"inference_num_threads":3}"#, "more than the 2 threads");
        refuses(r#"{"cache_dir":"x"}"#, "absolute");
        refuses(r#"{"properties":{"NUM_STREAMS":"2"}}"#, "set `num_streams`");
        refuses(r#"{"properties":{"INFERENCE_PRECISION_HINT":"f16"}}"#, "`precision`");
        refuses(r#"{"properties":{"A":2}}"#, "`properties`");
        refuses("[]", "not a JSON object");
        refuses("\u{fffd}", "not a JSON object");
    }

    #[test]
    fn a_group_has_a_stream_for_each_session_and_all_their_threads() {
        let mut session = SessionOptions::new("cpu", NonZeroUsize::new(2).unwrap());
        session.group = SessionGroup::new(3, 5);
        let of = |json: &str| Settings::new(&Config::parse(json).unwrap(), &session).unwrap();
        assert_eq!((of("").num_streams, of("").num_threads), (3, 5));
        assert_eq!(of(r#"{"num_streams":1,"inference_num_threads":4}"#).num_threads, 4);
    }

    #[test]
    fn compiled_models_are_kept_below_the_session_s_folder_unless_told_otherwise() {
        let mut session = SessionOptions::new("cpu", NonZeroUsize::MIN);
        session.cache_dir = Some(PathBuf::from("/cache"));
        let of = |json: &str| Settings::new(&Config::parse(json).unwrap(), &session).unwrap().cache_dir;
        assert_eq!(of(""), Some(PathBuf::from("/cache/openvino")));
        assert_eq!(of(r#"{"cache_dir":""}"#), None);
        assert_eq!(of(r#"{"cache_dir":"/other"}"#), Some(PathBuf::from("/other")));
    }

    #[test]
    fn sessions_override_all_but_the_library() {
        let base = Config::parse(r#"{"library":"/a.so","enable_cpu_pinning":true,"num_streams":2}"#).unwrap();
        let merged = base.with_session(r#"{"enable_cpu_pinning":false,"num_streams":null}"#).unwrap();
        let settings = Settings::new(&merged, &SessionOptions::new("cpu", NonZeroUsize::MIN)).unwrap();
        assert!(!settings.cpu_pinning);
        assert_eq!(settings.num_streams, 1);
        assert_eq!(base.library().unwrap(), Some(PathBuf::from("/a.so")));
        assert!(base.with_session(r#"{"library":"/a.so"}"#).is_ok());
        assert!(base.with_session(r#"{"library":"/b.so"}"#).is_err());
    }
}
