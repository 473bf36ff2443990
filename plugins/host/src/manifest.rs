//! `plugin.toml`: what a plugin says of itself, read without loading anything.

use std::{fs, path::Path};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_abi::DT_ABI_LEVEL;
use toml::{Table, Value};

/// Format of the file this host writes of and understands.
const MANIFEST_FORMAT: u32 = 1;
/// A manifest is a page of text; anything longer is not one.
const MAX_BYTES: u64 = 1 << 20;

/// A plugin's `plugin.toml`. Keys this host does not know are left to later ones.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Manifest {
    /// Format of this file: 1.
    pub manifest: u32,
    /// Short, stable name; what profiles and `--backend` use.
    pub id: String,
    /// Version of the adapter.
    pub version: String,
    /// Levels of the interface it can work with.
    pub abi: AbiRange,
    /// File name of the library without `lib` and ending.
    pub library: String,
    /// One line for a table.
    #[serde(default)]
    pub summary: String,
    /// Artifact formats it reads.
    #[serde(default)]
    pub formats: Vec<String>,
    /// `in_process`, or `process` where the engine is known to take the process down.
    #[serde(default)]
    pub isolation: String,
    /// Ids of plugins that must not be opened in the same process.
    #[serde(default)]
    pub conflicts: Vec<String>,
    /// Native libraries the host finds, checks and loads first, in this order.
    #[serde(default)]
    pub native: Vec<NativeLibrary>,
}

/// Levels of the plugin interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct AbiRange {
    /// Lowest host level it can work with.
    pub min: u32,
    /// Level it was built with.
    pub max: u32,
}

/// A native library a plugin needs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct NativeLibrary {
    /// Name of the runtime in the data folder.
    pub id: String,
    /// Key of `[backends.<id>]` that names another file, and under which the plugin gets the absolute path.
    pub config_key: String,
    /// Lowest version that works.
    pub min: String,
    /// Lowest version that no longer works.
    #[serde(default)]
    pub below: Option<String>,
    /// The command that installs it.
    #[serde(default)]
    pub install: Option<String>,
    /// Runtimes that hold the same library and more, preferred to it where they are installed.
    #[serde(default)]
    pub variants: Vec<String>,
    /// Whether a library that does not tell its version is refused.
    #[serde(default)]
    pub must_tell_version: bool,
    /// File names of libraries beside it that are loaded after it, where they are there.
    #[serde(default)]
    pub with: Vec<String>,
}

impl Manifest {
    /// Reads a manifest file.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, lacks a key, or is of another format.
    pub fn read(path: &Path) -> Result<Self> {
        let refused = |what: String| Error::invalid(format!("`{}`: {what}", path.display()));
        let length = fs::metadata(path).map_err(|err| refused("cannot be read".into()).with_source(err))?.len();
        if length > MAX_BYTES {
            return Err(refused(format!("{length} bytes is too long for a manifest")));
        }
        let text = fs::read_to_string(path).map_err(|err| refused("cannot be read as text".into()).with_source(err))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a manifest; `label` is what messages call it.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(text: &str, label: &str) -> Result<Self> {
        let not_one = |err: toml::de::Error| {
            Error::invalid(format!("`{label}` is not a plugin manifest: {}", err.to_string().trim_end()))
        };
        let manifest: Self = toml::from_str(text).map_err(not_one)?;
        for key in unknown_keys(text, &manifest) {
            log::debug!("`{label}`: the key `{key}` is not known and is passed over");
        }
        manifest.check(label).map(|()| manifest)
    }

    /// File name of the library on this platform.
    pub fn library_file(&self) -> String {
        format!("{}{}{}", std::env::consts::DLL_PREFIX, self.library, std::env::consts::DLL_SUFFIX)
    }

    fn check(&self, label: &str) -> Result<()> {
        if self.manifest != MANIFEST_FORMAT {
            return Err(Error::unsupported(format!("`{label}` has format {}, not {MANIFEST_FORMAT}", self.manifest))
                .with_hint("update drivetrain or the plugin"));
        }
        for (key, value) in [("id", &self.id), ("library", &self.library)] {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if value.is_empty() || !value.chars().all(plain) {
                return Err(Error::invalid(format!(
                    "`{label}`: `{key}` may hold only letters, digits, `_` and `-`, not `{value}`"
                )));
            }
        }
        if self.abi.min > DT_ABI_LEVEL {
            return Err(Error::unsupported(format!(
                "plugin `{}` needs plugin interface level {}, this program has {DT_ABI_LEVEL}",
                self.id, self.abi.min
            ))
            .with_hint("update drivetrain"));
        }
        Ok(())
    }
}

/// Keys in `text` that did not become part of `manifest`. A newer plugin may have them, and so may one that mistyped.
fn unknown_keys(text: &str, manifest: &Manifest) -> Vec<String> {
    let mut unknown = Vec::new();
    if let (Ok(found), Ok(known)) = (text.parse(), Table::try_from(manifest)) {
        compare(&found, &known, "", &mut unknown);
    }
    unknown
}

fn compare(found: &Table, known: &Table, prefix: &str, unknown: &mut Vec<String>) {
    for (key, value) in found {
        let key_path = format!("{prefix}{key}");
        match (value, known.get(key)) {
            (_, None) => unknown.push(key_path),
            (Value::Table(found), Some(Value::Table(known))) => compare(found, known, &format!("{key_path}."), unknown),
            (Value::Array(found), Some(Value::Array(known))) => {
                let tables = found.iter().zip(known).filter_map(|(a, b)| Some((a.as_table()?, b.as_table()?)));
                tables.for_each(|(found, known)| compare(found, known, &format!("{key_path}."), unknown));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        manifest = 1
        id = "engine"
        version = "0.1.0"
        abi = { min = 1, max = 1 }
        library = "drivetrain_engine"
        a_key_of_the_future = true
        [[native]]
        id = "engine"
        config_key = "library"
        min = "1.0"
    "#;

    fn check(change: (&str, &str), expected: &str) {
        let text = GOOD.replace(change.0, change.1);
        let message = Manifest::parse(&text, "plugin.toml").unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn manifests_are_read_and_unknown_keys_left_alone() {
        let manifest = Manifest::parse(GOOD, "plugin.toml").unwrap();
        assert_eq!(manifest.id, "engine");
        assert_eq!(manifest.native[0].config_key, "library");
        assert!(manifest.library_file().contains("drivetrain_engine"));
    }

    #[test]
    fn unknown_keys_are_named_at_every_depth() {
        let text = GOOD
            .replace("max = 1 }", "max = 1, most = 2 }")
            .replace("min = \"1.0\"", "min = \"1.0\"\nbelow = \"2.0\"\nbeneath = \"3.0\"");
        let unknown = unknown_keys(&text, &Manifest::parse(&text, "plugin.toml").unwrap());
        assert_eq!(unknown, ["a_key_of_the_future", "abi.most", "native.beneath"]);
    }

    #[test]
    fn broken_manifests_say_what_is_wrong() {
        check(("manifest = 1", "manifest = 2"), "has format 2, not 1");
        check(("\"engine\"", "\"../engine\""), "`id` may hold only letters");
        check(("\"drivetrain_engine\"", "\"/tmp/x\""), "`library` may hold only letters");
        check(("min = 1,", "min = 99,"), "needs plugin interface level 99");
        check(("id = \"engine\"\n        version", "version"), "missing field `id`");
        check(("abi = {", "abi = ["), "not a plugin manifest");
    }
}
