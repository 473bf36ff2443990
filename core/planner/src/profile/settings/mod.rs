//! The settings, one in each file.

mod accuracy;
mod allow_emulated;
mod amount;
mod backend;
mod choice;
mod device;
mod flag;
mod known;
mod limits;
mod list;
mod model;
mod pipeline;
mod plan;
mod plugins;
mod precision;
mod share;
mod space;
mod text_file;
mod threads;
mod word;
mod workload;

use std::path::Path;

pub use accuracy::Accuracy;
pub(crate) use accuracy::{BatchInvariant, MaxLoss, MinCosine, Pairs};
pub(crate) use allow_emulated::AllowEmulated;
pub use amount::Amount;
pub(crate) use amount::AmountSetting;
pub(crate) use backend::Backend;
pub use choice::Choice;
pub(crate) use device::Device;
use drivetrain_contract::Result;
pub(crate) use known::{BACKENDS, Known, SETTINGS, is_table, nearest, tables};
pub use limits::Limits;
pub(crate) use limits::{AllowBackends, AllowDevices, DenyBackends, DenyDevices, Disk, Memory};
pub(crate) use model::{Model, beside};
pub use pipeline::Pipeline;
pub(crate) use pipeline::{BatchTokens, MaxBatch, Sessions, TokenizerThreads, Window};
pub use plan::{Artifacts, Planning, Tune};
pub(crate) use plan::{ArtifactsSetting, Frozen, RulesSetting, TuneSeconds, TuneSetting};
pub(crate) use plugins::Plugins;
pub(crate) use precision::PrecisionSetting;
use serde_json::Value;
pub use space::SpaceLimit;
pub(crate) use text_file::TextFile;
pub(crate) use threads::Threads;
pub use workload::{Goal, TextLength, Workload};
pub(crate) use workload::{GoalSetting, Sample, TextLengthSetting};

/// A setting: its key, how its value is read, how it is shown, and what an editor may know of it.
///
/// What it means and what its default is stands in the default profile, from where the schema takes both.
pub(crate) trait Setting {
    /// What a profile holds.
    type Value;
    /// The key in a profile, with the table it is in: `threads`, `pipeline.window`.
    const KEY: &'static str;

    /// Reads a value. Errors say what is wanted; the caller adds key and place.
    fn parse(value: &Value) -> Result<Self::Value>;

    /// The value as a profile has it.
    fn show(value: &Self::Value) -> Value;

    /// JSON Schema of its values, without description and default.
    fn schema() -> Value;

    /// What a file in `folder` means by a value, where that depends on the folder: paths may be relative to the file.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] when the path that comes out is not UTF-8.
    fn beside(_folder: &Path, _value: &mut Value) -> Result<()> {
        Ok(())
    }
}

/// The key of a setting, for types of settings that differ in nothing else.
pub(crate) trait Key {
    /// As [`Setting::KEY`].
    const KEY: &'static str;
}
