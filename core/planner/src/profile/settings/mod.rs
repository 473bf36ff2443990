//! The settings, one in each file.

mod backend;
mod choice;
mod device;
mod model;
mod plugins;
mod precision;
mod threads;

pub(crate) use backend::Backend;
pub use choice::Choice;
pub(crate) use device::Device;
use drivetrain_contract::Result;
pub(crate) use model::Model;
pub(crate) use plugins::Plugins;
pub(crate) use precision::PrecisionSetting;
use serde_json::Value;
pub use threads::Threads;
pub(crate) use threads::ThreadsSetting;

/// A setting: its key, how its value is read, and how it is shown.
pub(crate) trait Setting {
    /// What a profile holds.
    type Value;
    /// The key in a profile.
    const KEY: &'static str;

    /// Reads a value. Errors say what is wanted; the caller adds key and place.
    fn parse(value: &Value) -> Result<Self::Value>;

    /// The value as a profile has it.
    fn show(value: &Self::Value) -> Value;
}
