//! `drivetrain.json` beside artifacts: what each was made from, and how exact it is.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::hub::RECORD_FILE;

const FORMAT_VERSION: u64 = 1;

/// Far more than any folder of artifacts needs; what is longer was not written by us.
const MAX_BYTES: u64 = 4 << 20;

/// What is known of the artifacts in one folder, by the names of their graphs.
///
/// In the folder of a model from the hub the same file says where the model came from
/// ([`crate::hub::Record`]): what it holds besides the artifacts is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArtifactRecords {
    /// By file name, such as `model.onnx`.
    pub artifacts: BTreeMap<String, ArtifactRecord>,
    others: Map<String, Value>,
}

/// What an artifact was made from, and how exact it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// What it is, as `--to` names it.
    pub target: String,
    /// Program and version that made it.
    pub tool: String,
    /// SHA-256 of the files of the model it was made from.
    pub source_sha256: String,
    /// Settings it was made with, by name.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// SHA-256 of the tokens it was calibrated with.
    #[serde(default)]
    pub calibration_sha256: Option<String>,
    /// What else was found out on the way, by name; equal inputs may give other facts.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Its files, the graph first.
    pub files: Vec<MadeFile>,
    /// Time it took to make, in seconds, calibration included.
    pub seconds: f64,
    /// What is asked of its kind.
    pub bounds: Bounds,
    /// How it was checked.
    pub check: ArtifactCheck,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// Whether an artifact gives what the model gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ArtifactCheck {
    /// Its figures are within the bounds of its kind.
    Passed(Figures),
    /// They are not, and it was kept under a name that nothing loads.
    Rejected(Figures),
    /// They are not, and whoever made it took it nevertheless.
    Accepted(Figures),
    /// It was not run.
    Unchecked {
        /// Why not.
        reason: String,
    },
}

/// How an artifact compares with the model in 32-bit floats, on texts that nothing was calibrated with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What ran the artifact: backend, version and device.
    pub engine: String,
    /// The output that was compared.
    pub output: String,
    /// Number of texts.
    pub n_texts: usize,
    /// Cosine of the vectors of a text, on average.
    pub mean_cosine: f64,
    /// That of the text that differs most.
    pub min_cosine: f64,
    /// Largest difference of two numbers.
    pub max_abs_error: f64,
    /// Share of each text's ten nearest others that stay among them.
    pub top10_overlap: f64,
}

/// How exact a kind of artifact has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Least [`Figures::mean_cosine`].
    pub mean_cosine: f64,
    /// Least [`Figures::min_cosine`].
    pub min_cosine: f64,
}

impl ArtifactRecords {
    /// The records in a folder. What cannot be read counts as absent, with a warning, and is written anew by the next
    /// conversion.
    pub fn read(folder: &Path) -> Self {
        let path = folder.join(RECORD_FILE);
        // Opening a pipe would wait for a writer.
        if !fs::metadata(&path).is_ok_and(|facts| facts.is_file()) {
            return Self::default();
        }
        Self::read_file(&path).unwrap_or_else(|why| {
            log::warn!("`{}` is left unused: {why}", path.display());
            Self::default()
        })
    }

    fn read_file(path: &Path) -> Result<Self, String> {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text));
        read.map_err(|err| err.to_string())?;
        if text.len() as u64 > MAX_BYTES {
            return Err(format!("it is longer than {} MiB", MAX_BYTES >> 20));
        }
        let mut others: Map<String, Value> = serde_json::from_slice(&text).map_err(|err| err.to_string())?;
        match others.remove("format_version").as_ref().and_then(Value::as_u64) {
            Some(FORMAT_VERSION) => {}
            Some(version) => return Err(format!("its format version {version} is not known")),
            None => return Err("it has no format version".to_owned()),
        }
        let mut artifacts = BTreeMap::new();
        if let Some(Value::Object(found)) = others.remove("artifacts") {
            for (name, value) in found {
                match serde_json::from_value::<ArtifactRecord>(value) {
                    Ok(record) if record.is_sound(&name) => drop(artifacts.insert(name, record)),
                    Ok(_) => log::warn!("`{}` names other files than those beside it for `{name}`", path.display()),
                    Err(err) => log::warn!("`{}` says nothing usable of `{name}`: {err}", path.display()),
                }
            }
        }
        Ok(Self { artifacts, others })
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        let mut members = self.others.clone();
        members.insert("format_version".to_owned(), FORMAT_VERSION.into());
        members.insert("artifacts".to_owned(), serde_json::json!(self.artifacts));
        let mut text = format!("{:#}", Value::Object(members));
        text.push('\n');
        text
    }
}

impl ArtifactRecord {
    /// Whether the files are there with their lengths.
    pub fn is_complete(&self, folder: &Path) -> bool {
        let is_there = |file: &MadeFile| {
            fs::metadata(folder.join(&file.name)).is_ok_and(|facts| facts.is_file() && facts.len() == file.bytes)
        };
        self.files.iter().all(is_there)
    }

    /// Length of all its files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    fn is_sound(&self, name: &str) -> bool {
        let is_plain = |name: &str| !name.is_empty() && ![".", ".."].contains(&name) && !name.contains(['/', '\\']);
        self.files.first().is_some_and(|file| file.name == name) && self.files.iter().all(|file| is_plain(&file.name))
    }
}

impl Figures {
    /// Whether they are within bounds.
    pub fn meet(&self, bounds: &Bounds) -> bool {
        self.mean_cosine >= bounds.mean_cosine && self.min_cosine >= bounds.min_cosine
    }
}

impl ArtifactCheck {
    /// The figures, if it was run.
    pub fn figures(&self) -> Option<&Figures> {
        match self {
            Self::Passed(figures) | Self::Rejected(figures) | Self::Accepted(figures) => Some(figures),
            Self::Unchecked { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str) -> ArtifactRecord {
        let figures = Figures {
            engine: "engine 1.0, cpu".into(),
            output: "sentence_embedding".into(),
            n_texts: 3,
            mean_cosine: 0.999,
            min_cosine: 0.99,
            max_abs_error: 1e-3,
            top10_overlap: 0.9,
        };
        ArtifactRecord {
            target: "onnx-int8".into(),
            tool: "drivetrain 0.1.0".into(),
            source_sha256: "ab".repeat(32),
            options: BTreeMap::from([("preset".into(), "avx2".into())]),
            calibration_sha256: None,
            facts: BTreeMap::new(),
            files: vec![MadeFile { name: name.into(), bytes: 2 }],
            seconds: 1.5,
            bounds: Bounds { mean_cosine: 0.99, min_cosine: 0.95 },
            check: ArtifactCheck::Passed(figures),
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_others_wrote_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ArtifactRecords::read(folder.path()), ArtifactRecords::default());
        let path = folder.path().join(RECORD_FILE);
        fs::write(&path, r#"{"format_version": 1, "id": "org/name", "commit": "0a"}"#).unwrap();
        let mut records = ArtifactRecords::read(folder.path());
        records.artifacts.insert("model.onnx".into(), record("model.onnx"));
        fs::write(&path, records.to_json()).unwrap();
        assert_eq!(ArtifactRecords::read(folder.path()), records);
        let text: Value = serde_json::from_str(&records.to_json()).unwrap();
        assert_eq!(
            (&text["id"], &text["artifacts"]["model.onnx"]["check"]["verdict"]),
            (&"org/name".into(), &"passed".into())
        );

        assert!(!record("model.onnx").is_complete(folder.path()));
        fs::write(folder.path().join("model.onnx"), "ok").unwrap();
        assert!(record("model.onnx").is_complete(folder.path()));
    }

    #[test]
    fn damaged_files_count_as_absent_and_damaged_entries_alone_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RECORD_FILE);
        let mut records = ArtifactRecords::default();
        records.artifacts.insert("a.onnx".into(), record("a.onnx"));
        let good = records.to_json();
        for text in [
            String::new(),
            good[..good.len() / 2].to_owned(),
            good.replace("\"format_version\": 1", "\"format_version\": 2"),
            "[".repeat(1_000_000),
            format!("{good}{}", " ".repeat(MAX_BYTES as usize)),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(ArtifactRecords::read(folder.path()), ArtifactRecords::default());
        }
        records.artifacts.insert("b.onnx".into(), record("../b.onnx"));
        records.artifacts.insert("c.onnx".into(), record("other.onnx"));
        fs::write(&path, records.to_json()).unwrap();
        let names: Vec<String> = ArtifactRecords::read(folder.path()).artifacts.into_keys().collect();
        assert_eq!(names, ["a.onnx"]);
        fs::write(&path, good.replace("\"seconds\": 1.5", "\"seconds\": null")).unwrap();
        assert!(ArtifactRecords::read(folder.path()).artifacts.is_empty());
    }
}
