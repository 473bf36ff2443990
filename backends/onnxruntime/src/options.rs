//! The table `[backends.onnxruntime]`: read, checked, and turned into what one session uses.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use drivetrain_contract::{Error, Result, SessionOptions};
use ort::{logging::LogLevel, session::builder::GraphOptimizationLevel};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// JSON Schema of the table, which also documents every key and its default.
pub(crate) const CONFIG_SCHEMA: &str = include_str!("schema.json");

/// Unfinished files begun by this process, so that each has a name of its own.
static PARTIAL_FILES: AtomicU64 = AtomicU64::new(0);

const LIBRARY: &str = "library";

const KEYS: [&str; 12] = [
    LIBRARY,
    "intra_threads",
    "inter_threads",
    "execution_mode",
    "allow_spinning",
    "memory_arena",
    "memory_pattern",
    "graph_optimization",
    "optimized_model_path",
    "io_binding",
    "cpu_fallback",
    "log_severity",
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
            Error::invalid("the settings of the backend `onnxruntime` are not a JSON object").with_source(err)
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
                Error::invalid(format!("`{key}` in `[backends.onnxruntime]` cannot be {value}")).with_source(err)
            }),
        }
    }
}

/// What one session uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Threads within an operation, the caller included.
    pub(crate) intra_threads: usize,
    /// Threads across operations, the caller included.
    pub(crate) inter_threads: usize,
    /// Whether operations run at the same time.
    pub(crate) parallel: bool,
    /// Whether idle threads spin.
    pub(crate) spin: bool,
    /// Whether activations' memory is kept between runs.
    pub(crate) memory_arena: bool,
    /// Whether memory is planned for each shape seen.
    pub(crate) memory_pattern: bool,
    /// How far the graph is rewritten.
    pub(crate) graph_optimization: GraphOptimization,
    /// Where the rewritten graph is saved.
    pub(crate) optimized_model_path: Option<PathBuf>,
    /// Whether results go straight into the caller's memory; `None` leaves it to the device.
    pub(crate) io_binding: Option<bool>,
    /// Whether a device may leave operations to the processor.
    pub(crate) cpu_fallback: bool,
    /// Least severity that is logged.
    pub(crate) log_severity: Severity,
    /// Affinity of the session's own threads in ONNX Runtime's notation, if any was wished for.
    pub(crate) affinity: Option<String>,
}

impl Settings {
    /// Decides everything that the table leaves open for a session with these options.
    pub(crate) fn new(config: &Config, session: &SessionOptions) -> Result<Self> {
        let parallel = config.get("execution_mode")?.unwrap_or(ExecutionMode::Sequential) == ExecutionMode::Parallel;
        let (intra_threads, inter_threads) = split_threads(config, session.threads.get(), parallel)?;
        let optimized_model_path: Option<PathBuf> = config.get("optimized_model_path")?;
        if let Some(path) = optimized_model_path.as_deref().filter(|path| !path.is_absolute()) {
            let path = path.display();
            return Err(Error::invalid(format!("`optimized_model_path` must be an absolute path, not `{path}`")));
        }
        Ok(Self {
            intra_threads,
            inter_threads,
            parallel,
            spin: config.get("allow_spinning")?.unwrap_or(session.may_spin),
            memory_arena: config.get("memory_arena")?.unwrap_or(true),
            memory_pattern: config.get("memory_pattern")?.unwrap_or(false),
            graph_optimization: config.get("graph_optimization")?.unwrap_or(GraphOptimization::All),
            optimized_model_path,
            io_binding: config.get("io_binding")?,
            cpu_fallback: config.get("cpu_fallback")?.unwrap_or(true),
            log_severity: config.get("log_severity")?.unwrap_or(Severity::Warning),
            affinity: affinity(&session.cpu_list, intra_threads),
        })
    }

    /// Where ONNX Runtime may write the rewritten graph of `model` until it is whole.
    ///
    /// The name keeps its ending, from which ONNX Runtime tells the format.
    pub(crate) fn partial_path(&self, model: Option<&Path>) -> Result<Option<PathBuf>> {
        let Some(path) = &self.optimized_model_path else { return Ok(None) };
        let same_file = |model: &Path| {
            let (model_file, target_file) = (model.canonicalize().ok(), path.canonicalize().ok());
            model == path || (model_file.is_some() && model_file == target_file)
        };
        let same_file = model.is_some_and(same_file);
        let (Some(folder), Some(name), false) = (path.parent(), path.file_name(), same_file) else {
            return Err(Error::invalid(format!("`optimized_model_path` cannot be `{}`", path.display()))
                .with_hint("name a file that is not the model itself"));
        };
        let (process, session) = (std::process::id(), PARTIAL_FILES.fetch_add(1, Ordering::Relaxed));
        Ok(Some(folder.join(format!(".partial-{process}-{session}-{}", name.to_string_lossy()))))
    }
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum ExecutionMode {
    Sequential,
    Parallel,
}

/// How far a graph is rewritten when it is loaded.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GraphOptimization {
    /// Not at all.
    Disable,
    /// Redundant operations removed.
    Basic,
    /// Operations fused as well.
    Extended,
    /// Layouts changed as well.
    All,
}

impl From<GraphOptimization> for GraphOptimizationLevel {
    fn from(level: GraphOptimization) -> Self {
        match level {
            GraphOptimization::Disable => Self::Disable,
            GraphOptimization::Basic => Self::Level1,
            GraphOptimization::Extended => Self::Level2,
            GraphOptimization::All => Self::All,
        }
    }
}

/// Severity of a message of the engine.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Everything.
    Verbose,
    /// What is done.
    Info,
    /// What may be wrong.
    Warning,
    /// What is wrong.
    Error,
    /// What cannot go on.
    Fatal,
}

impl From<Severity> for LogLevel {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Verbose => Self::Verbose,
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
            Severity::Fatal => Self::Fatal,
        }
    }
}

/// Threads within and across operations. The caller is one of each, so together they are one less than their sum, and
/// never more than the budget.
fn split_threads(config: &Config, budget: usize, parallel: bool) -> Result<(usize, usize)> {
    let intra: Option<NonZeroUsize> = config.get("intra_threads")?;
    let inter: Option<NonZeroUsize> = config.get("inter_threads")?;
    if inter.is_some() && !parallel {
        return Err(Error::invalid("`inter_threads` has no effect in sequential mode")
            .with_hint("set `execution_mode = \"parallel\"` as well, or leave it out"));
    }
    let inter = inter.map_or(if parallel { budget.div_ceil(2) } else { 1 }, NonZeroUsize::get);
    let intra = intra.map_or((budget + 1).saturating_sub(inter).max(1), NonZeroUsize::get);
    if intra.saturating_add(inter - 1) > budget {
        return Err(Error::invalid(format!(
            "{intra} `intra_threads` and {inter} `inter_threads` are more than the session's {budget} threads"
        ))
        .with_hint("raise the profile's `threads`"));
    }
    Ok((intra, inter))
}

/// Every thread but the caller on any of the processors, which ONNX Runtime counts from 1.
fn affinity(cpu_list: &[u32], intra_threads: usize) -> Option<String> {
    if cpu_list.is_empty() || intra_threads < 2 {
        return None;
    }
    let processors: Vec<String> = cpu_list.iter().map(|&cpu| (u64::from(cpu) + 1).to_string()).collect();
    Some(vec![processors.join(","); intra_threads - 1].join(";"))
}

fn unknown_key(key: &str) -> Error {
    let error = Error::invalid(format!("unknown key `{key}` in `[backends.onnxruntime]`"));
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
                let parallel = if key == "inter_threads" { ",\"execution_mode\":\"parallel\"" } else { "" };
                assert!(settings(&format!("{{\"{key}\":{value}{parallel}}}"), 2).is_ok(), "{key} = {value}");
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
        refuses(r#"{"intra_thread":1}"#, "did you mean `intra_threads`?");
        refuses(r#"{"memory_area":true}"#, "did you mean `memory_arena`?");
        refuses(r#"{"zzz":1}"#, "it has library, intra_threads");
        refuses(r#"{"memory_arena":"yes"}"#, "`memory_arena` in `[backends.onnxruntime]` cannot be \"yes\"");
        refuses(r#"{"intra_threads":0}"#, "`intra_threads`");
        refuses(r#"{"graph_optimization":"max"}"#, "`disable`, `basic`, `extended`, `all`");
        refuses(r#"{"intra_threads":3}"#, "more than the session's 2 threads");
        refuses(r#"{"inter_threads":1}"#, "sequential");
        refuses(r#"{"optimized_model_path":"x.onnx"}"#, "absolute");
        refuses("[]", "not a JSON object");
        refuses("\u{fffd}", "not a JSON object");
    }

    #[track_caller]
    fn check_threads(json: &str, budget: usize, expect: (usize, usize)) {
        let found = settings(json, budget).unwrap();
        assert_eq!((found.intra_threads, found.inter_threads), expect, "{json}");
    }

    #[test]
    fn threads_never_exceed_the_budget() {
        check_threads("{}", 4, (4, 1));
        check_threads(r#"{"intra_threads":2}"#, 4, (2, 1));
        check_threads(r#"{"execution_mode":"parallel"}"#, 4, (3, 2));
        check_threads(r#"{"execution_mode":"parallel"}"#, 1, (1, 1));
        check_threads(r#"{"execution_mode":"parallel","inter_threads":3}"#, 4, (2, 3));
    }

    #[test]
    fn sessions_override_all_but_the_library() {
        let base = Config::parse(r#"{"library":"/a.so","memory_arena":false,"io_binding":true}"#).unwrap();
        let merged = base.with_session(r#"{"memory_arena":true,"io_binding":null}"#).unwrap();
        let options = SessionOptions::new("cpu", NonZeroUsize::MIN);
        let settings = Settings::new(&merged, &options).unwrap();
        assert!(settings.memory_arena);
        assert_eq!(settings.io_binding, None);
        assert_eq!(base.library().unwrap(), Some(PathBuf::from("/a.so")));
        assert!(base.with_session(r#"{"library":"/a.so"}"#).is_ok());
        assert!(base.with_session(r#"{"library":"/b.so"}"#).is_err());
    }

    #[test]
    fn processors_are_counted_from_one() {
        assert_eq!(affinity(&[0, 2], 3).as_deref(), Some("1,3;1,3"));
        assert_eq!(affinity(&[u32::MAX], 2).as_deref(), Some("4294967296"));
        assert_eq!(affinity(&[0], 1), None);
        assert_eq!(affinity(&[], 4), None);
    }

    #[test]
    fn the_optimised_graph_never_replaces_the_model() {
        let with_path = |path: &str| settings(&format!("{{\"optimized_model_path\":\"{path}\"}}"), 1).unwrap();
        let partial = with_path("/m/o.ort").partial_path(Some(Path::new("/m/a.onnx"))).unwrap().unwrap();
        assert!(partial.starts_with("/m") && partial.extension().is_some_and(|ending| ending == "ort"), "{partial:?}");
        assert!(with_path("/m/a.onnx").partial_path(Some(Path::new("/m/a.onnx"))).is_err());
        assert!(with_path("/").partial_path(None).is_err());
        assert_eq!(settings("{}", 1).unwrap().partial_path(None).unwrap(), None);
    }
}
