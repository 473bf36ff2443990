//! Models from the Hugging Face hub: fetched when they are named, checked, and installed as a folder like any other.
//!
//! [`pull`] asks the hub what a revision holds, takes the files a package is made of, and puts them into the folder of
//! installed models under one rename. The `hf-hub` crate is not used: it neither resumes an interrupted transfer nor
//! compares checksums nor can be stopped, and brings an asynchronous runtime with it.
//!
//! # Invariants
//!
//! - Nothing is fetched but what the caller names, and nothing at all where [`HubSettings::offline`] is set.
//! - The commit that a revision stands for is asked for once; every file comes from that commit.
//! - A file is used when its length and its checksum are those the hub states. Until then it is called `….part`.
//! - An installed model is complete: its folder appears by a rename, and whoever stops in between leaves only files in
//!   the cache folder, from which the next attempt goes on.
//! - No name that a server sends leads out of the folder it is meant for.
//! - The token goes to the hub itself and to no other host.

mod client;
mod digest;
mod download;
mod failure;
mod listing;
mod local;
mod model_name;
mod names;
mod patience;
mod pull;
mod record;
mod select;
mod settings;
mod staging;
mod transfer;
mod url;

pub use digest::Digest;
pub use model_name::HubModel;
pub use pull::{Progress, Pull, Pulled, find_installed, pull};
pub use record::{FileRecord, RECORD_FILE, Record};
pub use settings::{HubSettings, Patience, Proxy, Token};
pub(crate) use staging::Staging;
