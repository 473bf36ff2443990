//! The native libraries that can be installed: data in `catalogue.toml`, checked when it is read.

use std::{collections::BTreeMap, env::consts, fmt, str::FromStr, sync::OnceLock};

use drivetrain_contract::{Error, ErrorKind, Result};
use serde::Deserialize;

use crate::{
    Version, WheelName,
    relative::{is_id, is_inside},
};

const FORMAT_VERSION: u32 = 1;

/// Native libraries and where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    runtimes: Vec<Runtime>,
}

/// One version of one library.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runtime {
    /// Short, stable name: the folder's name and what `runtimes install` takes.
    pub id: String,
    /// Version of the library.
    pub version: Version,
    /// Whether this version is taken when none is named. One per id.
    pub default: bool,
    /// SPDX expression of the library's licence.
    pub license: String,
    /// Whether the library reports home by itself unless it is told not to.
    pub telemetry: bool,
    /// One entry per platform.
    #[serde(rename = "build")]
    pub builds: Vec<Build>,
}

/// A library for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Operating system and processor, as [`platform`] spells them.
    pub platform: String,
    /// The file to load, relative to the version's folder.
    pub library: String,
    /// The files it is unpacked from.
    #[serde(rename = "wheel")]
    pub wheels: Vec<Wheel>,
}

/// One file of the Python package index.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Name of the file, which also says package, version and platform.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// Member of the wheel → path in the version's folder. A member ending in `/` is everything below it; a path
    /// ending in `/` is a folder that keeps the member's own name.
    pub unpack: BTreeMap<String, String>,
}

/// What the user asks for: `onnxruntime`, or `onnxruntime@1.31.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Id of the runtime.
    pub id: String,
    /// Version, or the catalogue's default.
    pub version: Option<Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format_version: u32,
    #[serde(default, rename = "runtime")]
    runtimes: Vec<Runtime>,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    ///
    /// # Panics
    /// Never, or the program was built with a broken catalogue, which a test rules out.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Catalogue> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            Self::parse(include_str!("catalogue.toml")).expect("the catalogue built into the program is valid")
        })
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when it is not TOML of the known form, an id appears without exactly one default, or a
    /// path leads out of the folder it belongs to.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File =
            toml::from_str(text).map_err(|err| Error::invalid("the catalogue cannot be read").with_source(err))?;
        if file.format_version != FORMAT_VERSION {
            return Err(Error::invalid(format!(
                "the catalogue has format version {}, not {FORMAT_VERSION}",
                file.format_version
            )));
        }
        for runtime in &file.runtimes {
            runtime.validate()?;
            let defaults = file.runtimes.iter().filter(|other| other.id == runtime.id && other.default).count();
            if defaults != 1 {
                return Err(Error::invalid(format!("`{}` has {defaults} default versions instead of 1", runtime.id)));
            }
        }
        Ok(Self { runtimes: file.runtimes })
    }

    /// All entries in the order of the file.
    pub fn runtimes(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// The version that is taken when none is named.
    pub fn default_version(&self, id: &str) -> Option<Version> {
        self.runtimes.iter().find(|runtime| runtime.id == id && runtime.default).map(|runtime| runtime.version)
    }

    /// The entry asked for.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] that lists what there is.
    pub fn find(&self, spec: &Spec) -> Result<&Runtime> {
        let wanted = spec.version.or_else(|| self.default_version(&spec.id));
        let found = self.runtimes.iter().find(|runtime| runtime.id == spec.id && Some(runtime.version) == wanted);
        found.ok_or_else(|| {
            let known: Vec<String> =
                self.runtimes.iter().map(|known| format!("{}@{}", known.id, known.version)).collect();
            Error::not_found(format!("no runtime `{spec}` is known")).with_hint(format!("one of {}", known.join(", ")))
        })
    }
}

impl Runtime {
    /// The build for a platform.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] that lists the platforms there are.
    pub fn build(&self, platform: &str) -> Result<&Build> {
        self.builds.iter().find(|build| build.platform == platform).ok_or_else(|| {
            let known: Vec<&str> = self.builds.iter().map(|build| build.platform.as_str()).collect();
            let message = format!(
                "`{}` {} is not offered for `{platform}`, only for {}",
                self.id,
                self.version,
                known.join(", ")
            );
            Error::unsupported(message).with_hint(own_library_hint(&self.id))
        })
    }

    fn validate(&self) -> Result<()> {
        let wrong =
            |what: String| Err(Error::invalid(format!("catalogue entry `{}` {}: {what}", self.id, self.version)));
        if !is_id(&self.id) {
            return wrong("the id must be lower-case letters, digits, `-` and `_`".to_owned());
        }
        for build in &self.builds {
            if !is_inside(&build.library) {
                return wrong(format!("`{}` is not a path inside the version's folder", build.library));
            }
            for wheel in &build.wheels {
                WheelName::parse(&wheel.file)?;
                if wheel.sha256.len() != 64 || !wheel.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
                    return wrong(format!("`{}` is not a SHA-256 in lower-case hexadecimal", wheel.sha256));
                }
                for (member, target) in &wheel.unpack {
                    if !is_inside(member) || !is_inside(target) || (member.ends_with('/') && !target.ends_with('/')) {
                        return wrong(format!("`{member}` cannot be unpacked to `{target}`"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (id, version) = match text.split_once('@') {
            Some((id, version)) => (id, Some(version.parse()?)),
            None => (text, None),
        };
        if !is_id(id) {
            return Err(Error::new(ErrorKind::Invalid, format!("`{id}` cannot be the name of a runtime"))
                .with_hint("name one as `onnxruntime` or `onnxruntime@1.28.0`"));
        }
        Ok(Self { id: id.to_owned(), version })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

/// Operating system and processor of this program: `linux-x86_64`, `macos-aarch64`.
pub fn platform() -> String {
    // The wheels are linked against glibc, so a program on musl must not be given one.
    let libc = if cfg!(target_env = "musl") { "-musl" } else { "" };
    format!("{}{libc}-{}", consts::OS, consts::ARCH)
}

/// The way out that always exists: a library the user already has.
pub(crate) fn own_library_hint(id: &str) -> String {
    format!("name a library you have in the profile: `[backends.{id}] library = \"…\"` with its absolute path")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> Spec {
        text.parse().unwrap()
    }

    #[test]
    fn builtin_catalogue_holds_the_pinned_default_for_every_platform() {
        let catalogue = Catalogue::builtin();
        let pinned = catalogue.find(&spec("onnxruntime")).unwrap();
        assert_eq!(pinned.version, Version::new(1, 28, 0));
        assert!(!pinned.telemetry);
        assert!(catalogue.find(&spec("onnxruntime@1.31.1")).unwrap().telemetry);
        assert_eq!(catalogue.find(&spec("openvino")).unwrap().version, Version::new(2026, 4, 1));
        for runtime in catalogue.runtimes() {
            for platform in ["linux-x86_64", "linux-aarch64", "macos-aarch64", "windows-x86_64", "windows-aarch64"] {
                let Ok(build) = runtime.build(platform) else {
                    // Only ONNX Runtime has a wheel for Windows on ARM, and CUDA is for Linux here.
                    assert_ne!(runtime.id, "onnxruntime", "{platform}");
                    assert!(platform != "linux-x86_64", "{}", runtime.id);
                    continue;
                };
                let name = build.library.strip_prefix("lib/").unwrap();
                assert!(build.wheels.iter().any(|wheel| wheel.unpack.keys().any(|member| member.ends_with(name))));
            }
        }
    }

    #[test]
    fn what_is_not_known_is_said_with_what_is() {
        let err = Catalogue::builtin().find(&spec("onnxruntime@1.2.3")).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound);
        assert!(err.hint().unwrap().contains("onnxruntime@1.28.0"), "{err}");
        let err = Catalogue::builtin().find(&spec("onnxruntime")).unwrap().build("plan9-vax").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Unsupported);
        assert!(err.to_string().contains("linux-x86_64"), "{err}");
        for text in ["", "../x", "@1.0.0", "onnxruntime@", "onnxruntime@new", "Onnx Runtime"] {
            assert_eq!(text.parse::<Spec>().unwrap_err().kind(), ErrorKind::Invalid, "{text:?}");
        }
        assert_eq!(spec("onnxruntime@1.31.1").to_string(), "onnxruntime@1.31.1");
    }

    #[test]
    fn broken_catalogues_are_refused() {
        let valid = include_str!("catalogue.toml");
        for (from, to, why) in [
            ("format_version = 1", "format_version = 2", "format version 2"),
            ("default = true", "default = false", "0 default versions"),
            ("default = false", "default = true", "2 default versions"),
            ("id = \"onnxruntime\"", "id = \"../x\"", "the id must be"),
            ("library = \"lib/", "library = \"/lib/", "not a path inside"),
            ("= \"licenses/\"", "= \"../licenses/\"", "cannot be unpacked"),
            ("sha256 = \"", "sha256 = \"Z", "not a SHA-256"),
            (".whl\"", ".zip\"", "not the file name of a wheel"),
            ("telemetry", "telemetri", "cannot be read"),
        ] {
            let err = Catalogue::parse(&valid.replace(from, to)).unwrap_err();
            assert!(err.to_string().contains(why), "{from} → {to}: {err}");
        }
    }
}
