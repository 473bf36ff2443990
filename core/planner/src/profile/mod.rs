//! The profile: settings, layers, and the rules by which later layers win.

mod assignment;
mod build;
mod file;
mod inherits;
mod layer;
mod origin;
mod schema;
mod settings;
mod shipped;
mod show;
mod typed;
mod variables;

pub use build::Profile;
pub use layer::Layer;
pub use origin::{Origin, Sourced};
pub use settings::{
    Accuracy, Amount, Artifacts, Choice, Goal, Limits, MemoryLimit, Pipeline, Planning, TextLength, Workload,
};
#[cfg(test)]
pub(crate) use shipped::Shipped;
pub use variables::Variables;
