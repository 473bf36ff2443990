//! The profile: settings, layers, and the rules by which later layers win.

mod assignment;
mod build;
mod layer;
mod origin;
mod settings;
mod show;

pub use build::Profile;
pub use layer::Layer;
pub use origin::{Origin, Sourced};
pub use settings::{Choice, Threads};
