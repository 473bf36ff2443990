//! The settings, one in each file.

mod accuracy;
mod allow_emulated;
mod amount;
mod backend;
mod choice;
mod device;
mod known;
mod limits;
mod list;
mod model;
mod pipeline;
mod plan;
mod plugins;
mod precision;
mod threads;
mod word;
mod workload;

pub use accuracy::Accuracy;
pub(crate) use accuracy::MaxLoss;
pub(crate) use allow_emulated::AllowEmulated;
pub use amount::Amount;
pub(crate) use amount::AmountSetting;
pub(crate) use backend::Backend;
pub use choice::Choice;
pub(crate) use device::Device;
use drivetrain_contract::Result;
pub(crate) use known::{BACKENDS, Known, SETTINGS, is_table, nearest, tables};
pub(crate) use limits::{AllowBackends, AllowDevices, DenyBackends, DenyDevices, MemorySetting};
pub use limits::{Limits, MemoryLimit};
pub(crate) use model::{Model, beside};
pub use pipeline::Pipeline;
pub(crate) use pipeline::{BatchTokens, MaxBatch, Sessions, TokenizerThreads, Window};
pub use plan::{Artifacts, Planning};
pub(crate) use plan::{ArtifactsSetting, RulesSetting};
pub(crate) use plugins::Plugins;
pub(crate) use precision::PrecisionSetting;
use serde_json::Value;
pub(crate) use threads::Threads;
pub use workload::{Goal, TextLength, Workload};
pub(crate) use workload::{GoalSetting, TextLengthSetting};

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
}
