//! The trait an engine adapter implements, and what it says of itself.

use crate::{Call, Device, Estimate, Model, Precisions, Result, Session, SessionOptions};

/// What a backend is, known before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendInfo {
    /// Short, stable name: what profiles and `--backend` use.
    pub id: &'static str,
    /// Version of the adapter (not of the engine).
    pub version: &'static str,
    /// Who made it.
    pub vendor: &'static str,
    /// SPDX expression of the adapter's licence.
    pub license: &'static str,
    /// JSON Schema of the table `[backends.<id>]`.
    pub config_schema_json: &'static str,
}

/// An opened engine: devices can be asked for and sessions created.
pub trait Backend: Send + Sync {
    /// Devices and formats. Idempotent, under two seconds, builds no engine.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Dependency`] when the native library turns out unusable.
    fn probe(&self) -> Result<Probe>;

    /// What running `model` would cost. The default knows nothing.
    ///
    /// # Errors
    /// Only when the question itself is malformed; "cannot" is a verdict.
    fn estimate(&self, _model: &Model, _options: &SessionOptions) -> Result<Estimate> {
        Ok(Estimate::default())
    }

    /// Loads `model` onto a device.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] for a device it does not have, [`crate::ErrorKind::Unsupported`] for a format,
    /// precision or option it cannot honour (it never falls back silently), [`crate::ErrorKind::Model`] for broken
    /// files.
    fn create_session(&self, model: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>>;
}

/// A backend that can be opened from its configuration: what a plugin exports and a program links in.
pub trait OpenBackend: Backend + Sized + 'static {
    /// What this backend is.
    const INFO: BackendInfo;

    /// Opens the engine.
    ///
    /// `config_json` is the user's table `[backends.<id>]` as a JSON object, with the absolute paths of the native
    /// libraries that the host resolved filled in under the keys the manifest names.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] for unknown keys or wrong values, [`crate::ErrorKind::Dependency`] for a missing
    /// or unsuitable native library.
    fn open(config_json: &str) -> Result<Self>;
}

/// What a backend finds on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Probe {
    /// Devices, best first.
    pub devices: Vec<Device>,
    /// Artifact formats it reads, best first.
    pub formats: Vec<FormatSupport>,
    /// Version of the engine behind the adapter, when it has one.
    pub engine_version: Option<String>,
}

/// One artifact format a backend reads.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FormatSupport {
    /// Name, one of [`mod@crate::format`].
    pub format: String,
    /// Precisions of weights it accepts in this format.
    pub precisions: Precisions,
    /// Higher is better.
    pub preference: i32,
}
