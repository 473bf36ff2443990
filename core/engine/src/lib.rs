//! Text in, vectors out, on whichever inference engine suits the machine.
//!
//! ```
//! # fn main() -> drivetrain::Result<()> {
//! use drivetrain::{Engine, Locations, Profile};
//!
//! let folder = std::env::temp_dir().join("drivetrain-example");
//! let locations = Locations::new(folder.join("data"), folder.join("cache"));
//! let engine = Engine::builder(&Profile::build(&[])?).locations(locations).build()?;
//!
//! let embeddings = engine.embed(&["a text becomes a vector", "so does this one"])?;
//! assert_eq!((embeddings.len(), embeddings.dim()), (2, 256));
//! assert_eq!(engine.running().backend, "static");
//! # Ok(())
//! # }
//! ```
//!
//! [`Engine::from_profile`] does the same with the folders the environment names ([`Locations::from_environment`]). A
//! [`Profile`] says what runs, here the default one: the built-in model, in the way that suits the machine best.
//!
//! The crates beneath are re-exported as modules for whoever needs more: [`contract`] (what a backend is), [`package`]
//! (model directories), [`pipeline`] (texts to vectors over a session), [`planner`] (profiles), [`convert`] (one
//! artifact from another), [`runtimes`] (native libraries), [`plugin_host`] (plugins) and, with the feature of that name,
//! `files` (inputs, outputs, and jobs that survive an interruption).
#![forbid(unsafe_code)]

mod ahead;
mod artifacts;
mod async_stream;
mod builder;
#[cfg(feature = "builtin-model")]
mod builtin;
#[cfg(not(feature = "builtin-model"))]
#[path = "builtin_absent.rs"]
mod builtin;
mod choose;
mod engine;
mod event;
mod hub;
mod iter;
mod late;
mod linked;
mod locations;
mod model;
mod named_file;
mod opening;
mod planning;
mod profile_sources;
mod report;
mod scratch;
mod session_config;
mod sessions;
mod spare;
mod trial;
mod wanted;
mod workbench;

pub use artifacts::artifact_folder;
pub use async_stream::EmbedStream;
pub use builder::EngineBuilder;
pub use drivetrain_contract as contract;
pub use drivetrain_contract::{Error, ErrorKind, Result};
pub use drivetrain_convert as convert;
#[cfg(feature = "files")]
pub use drivetrain_files as files;
pub use drivetrain_package as package;
pub use drivetrain_pipeline as pipeline;
pub use drivetrain_pipeline::{EmbedOptions, Embedded, Embeddings, Position, Prompt};
pub use drivetrain_planner as planner;
pub use drivetrain_planner::{Amount, Choice, Goal, Layer, Origin, Profile, Side};
pub use drivetrain_plugin_host as plugin_host;
pub use drivetrain_runtimes as runtimes;
pub use engine::{Engine, Running};
pub use event::Event;
pub use hub::hub_from_environment;
pub use iter::EmbedIter;
pub use late::LateWorkbench;
pub use locations::Locations;
pub use model::{Fetch, fetch_package, open_package};
pub use planning::{Asked, InProcess, Look, Outlook, Probed, Prober, Questions, Tuning, model_facts};
pub use profile_sources::{ProfileFile, ProfilePlace, ProfileSources};
pub use report::{ArtifactReport, Measured, Pair, ReportOptions, ReportRow, Speed, compare_artifacts};
pub use scratch::Scratch;
pub use trial::{Lengths, LocalStand, Material, SeatOptions, open_seat, peak_bytes, status_bytes};
pub use wanted::targets_here;
pub use workbench::{Runner, Workbench};
