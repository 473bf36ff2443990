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
mod side;
mod typed;
mod values;
mod variables;

pub use build::Profile;
pub use layer::Layer;
pub use origin::{Origin, Sourced};
pub use settings::{
    Accuracy, Amount, Artifacts, Choice, Goal, Limits, Pipeline, Planning, SpaceLimit, TextLength, Tune, Workload,
};
#[cfg(test)]
pub(crate) use shipped::Shipped;
pub use side::Side;
pub use variables::Variables;
