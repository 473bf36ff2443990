//! Whether an artifact gives what the model gives.
//!
//! [`Reference`] runs the model in 32-bit floats, each text alone, and [`Reference::compare`] compares what a session on
//! an artifact gives for the same texts in padded batches. The texts ([`sample`]) are none that anything is calibrated
//! with. What is asked of each kind of artifact stands in [`bounds`].

mod bounds;
mod figures;
mod given;
mod reference;
mod sample;

pub use bounds::bounds;
pub use reference::Reference;
pub use sample::{sample, sample_texts};
