//! Native libraries: find, check, fetch, unpack, list.
//!
//! An engine such as ONNX Runtime is a shared library that no crate brings along. This crate knows where such libraries
//! come from ([`Catalogue`]), puts them into the data folder ([`install`]), finds them there ([`find`], [`list`],
//! [`remove`]), and says of any file whether it is a library that can be used here ([`inspect`], [`check`]) **without
//! loading it**: loading a wrong one has been known to hang, to panic, or to crash.
//!
//! # Layout of the data folder
//!
//! ```text
//! <data>/runtimes/<id>/<version>/install.json    what it is, where it came from, which files belong to it
//! <data>/runtimes/<id>/<version>/lib/…           the library and what it needs beside it
//! <data>/runtimes/<id>/<version>/licenses/…      its licence and notices
//! <data>/runtimes/.downloads/                    wheels on their way; what an interrupted run has fetched stays
//! <data>/runtimes/.tmp-…/                        an installation under way, removed by the next one if it was killed
//! <data>/runtimes/.lock                          held for moments, while folders appear and disappear
//! ```
//!
//! A version's folder appears by one rename, complete, or not at all.
#![forbid(unsafe_code)]

mod binary;
mod catalogue;
mod companion;
mod digest;
pub mod doctor;
mod downloads;
mod failure;
mod fetch;
mod inspect;
mod install;
mod link;
mod pip;
mod record;
mod relative;
mod requirement;
mod siblings;
mod staging;
mod store;
mod transfer;
mod unpack;
mod version;
mod wheel_name;

#[cfg(test)]
mod testing;

pub use binary::LibraryFormat;
pub use catalogue::{Build, Catalogue, Runtime, Spec, Wheel, platform};
pub use inspect::{LibraryFacts, VersionSource, inspect};
pub use install::{InstallOptions, Progress, install};
pub use record::{Installed, WheelRecord};
pub use requirement::{Requirement, check};
pub use store::{Broken, Listing, find, find_all, list, remove};
pub use version::Version;
pub use wheel_name::WheelName;
