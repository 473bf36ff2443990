//! Facts about this machine and this process by which troubles with native libraries are explained.
//!
//! What is loaded is known on Linux only; elsewhere the lists are empty.

mod conflicts;
mod hardware;
mod images;
mod influences;

pub use conflicts::{Conflict, ConflictKind, conflicts};
pub use hardware::Hardware;
pub use images::{Family, Image, loaded_images};
pub use influences::{Influence, influences};
