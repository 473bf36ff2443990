//! The C interface between Drivetrain and a plugin: layouts, numbers and rules, nothing else.
//!
//! The header `include/drivetrain_plugin.h` is generated from this crate; a test fails when it is stale.
//!
//! # Rules
//!
//! 1. A plugin exports one symbol, [`ENTRY_SYMBOL`]. A breaking change is a new symbol name; everything else is an
//!    append. The entry returns a static table and does nothing else: no threads, no devices, no loading.
//! 2. Every struct begins with `struct_size`, written by the side that allocates it, from `sizeof`. A field may be read
//!    only if it lies inside that size. Fields are only ever appended; every append raises [`DT_ABI_LEVEL`] by one.
//!    What level 1 has is always there ([`SizedStruct::V1_SIZE`]): a smaller struct is an error of the call.
//! 3. A plugin needs no symbol of the host: services come as a table ([`DtHost`]).
//! 4. A status is 0 or one of `DT_E_*`; an unknown one reads as `DT_E_INTERNAL`. Text goes into the caller's
//!    [`DtError`]: the message, and after the first line break a hint that names the way out.
//! 5. No unwinding crosses the boundary in either direction.
//! 6. Strings are UTF-8 with a length, not terminated, and borrowed for the call unless said otherwise.
//! 7. Calls on one backend may come from any thread at the same time; calls on one session never overlap.
#![no_std]
#![forbid(unsafe_code)]

mod codes;
#[cfg(feature = "inventory")]
mod linked;
mod model;
mod plugin;
mod probe;
mod services;
mod sized;
mod tensor;
mod text;

pub use codes::*;
#[cfg(feature = "inventory")]
pub use linked::{LinkedPlugin, linked_plugins};
pub use model::{DtArtifact, DtEstimate, DtMemory, DtModel, DtSessionDesc, DtSessionInfo};
pub use plugin::{DtBackend, DtEntryV1, DtPlugin, DtSession, ENTRY_SYMBOL};
pub use probe::{DtDeviceInfo, DtFormat, DtSink};
pub use services::{DtCall, DtError, DtHost};
pub use sized::SizedStruct;
pub use tensor::{DLDataType, DLDevice, DLTensor, DtTensor};
pub use text::{DtBytes, DtStr};
