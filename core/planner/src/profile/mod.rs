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
pub use settings::{Amount, Choice, Pipeline};
pub use variables::Variables;
