//! Trials: candidates that are loaded and run as they would be for real, on texts like the user's.

mod lengths;
mod material;
mod memory;
mod sample;
mod seat;
mod supply;

pub use lengths::Lengths;
pub use material::Material;
pub use memory::{peak_bytes, status_bytes};
pub use seat::{LocalStand, SeatOptions, open_seat};
