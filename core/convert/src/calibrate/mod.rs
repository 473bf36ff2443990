//! 8-bit integers for a model, chosen by running it on texts.
//!
//! [`calibrate`] gives an [`Int8`] for [`crate::onnx::export`]. It sees engines only as sessions: graphs that give what
//! goes into linear layers ([`crate::onnx`] writes them) are opened by a [`crate::GraphEngine`] and run on sample texts
//! (`observe.rs`); divisors, outliers and ranges are chosen from what comes out (`choose.rs`, `headroom.rs`), and biases
//! corrected (`correct.rs`). The result is tried on texts it was not made from, and as long as it is not accurate enough,
//! the site with the largest error goes back to floats (`run.rs`).
//!
//! # Invariants
//!
//! - Equal packages, samples and sessions give an equal result.
//! - Memory does not grow with the number of layers: about 300 MB beside the session and the largest matrix.

mod accuracy;
mod choose;
mod correct;
mod headroom;
mod observe;
mod rows;
mod run;
mod samples;

pub use crate::onnx::Int8;
pub use accuracy::Accuracy;
pub(crate) use rows::{Question, for_each_output};
pub use run::{Calibrated, SiteReport, calibrate};
pub use samples::Samples;
