//! The contract between Drivetrain and an inference engine.
//!
//! # Who does what
//!
//! A *backend* adapts one engine. It never reads a profile, never chooses a device or a precision, never downloads, and
//! never tokenises unless it says so ([`Capabilities::TEXT_IN`]). Everything it needs is handed to it; everything it
//! knows it states as data ([`Probe`], [`SessionInfo`]).
//!
//! # Who validates
//!
//! Validation happens once, above the backends. A [`Batch`] can only be built through constructors that check it (equal
//! lengths, ascending offsets, UTF-8), so a session may rely on its shape. A session checks what only it can know:
//! that the engine accepts the file, that an index lies inside the vocabulary, that an output has the shape it
//! announced.
//!
//! # Life cycle
//!
//! `OpenBackend::open` → `Backend::probe` (idempotent, under two seconds, builds no engine) → `Backend::estimate` →
//! `Backend::create_session` → `Session::run` any number of times → drop of the session → drop of the backend.
//! Sessions keep alive whatever they need of the backend, so the two may be dropped in either order.
//!
//! # Threads
//!
//! A backend is `Send + Sync`: its methods may be called from any thread at the same time. A session is `Send`; `run`
//! takes `&mut self`, so runs of one session never overlap. The number of threads in [`SessionOptions::threads`]
//! counts the calling thread; a session must not use more. It never changes the affinity of threads it did not start,
//! nor the process's signal handlers, locale, environment or floating-point mode.
//!
//! # Memory
//!
//! Inputs are borrowed for the call. Outputs are written into buffers of the caller, whose size
//! [`Session::output_shape`] announces, so that a stream of batches reuses the same memory.
//!
//! # Failure
//!
//! Every failure is an [`Error`] with a kind, a message that names the thing, and, where there is one, a hint that
//! names the way out. A session that returned an error may be used again, except after [`ErrorKind::Panic`] and
//! [`ErrorKind::DeviceLost`]: then only dropping it is allowed.
#![forbid(unsafe_code)]

mod aligned;
mod backend;
mod batch;
mod call;
mod device;
mod error;
mod estimate;
mod group_share;
mod model;
mod output;
mod precision;
mod session;

pub use aligned::AlignedBuf;
pub use backend::{Backend, BackendInfo, FormatSupport, OpenBackend, Probe};
pub use batch::{Batch, Inputs, PackedBatch, PaddedBatch, TextBatch, TokenIds};
pub use call::{Call, NoCall};
pub use device::{Capabilities, Device, DeviceKind};
pub use error::{Error, ErrorKind, Result};
pub use estimate::{Basis, Estimate, Verdict};
pub use group_share::GroupShare;
pub use model::{Artifact, ArtifactData, Model, format};
pub use output::{Output, OutputMut, Outputs};
pub use precision::{Precision, Precisions};
pub use session::{IndexType, MemoryUse, Session, SessionGroup, SessionInfo, SessionOptions};
