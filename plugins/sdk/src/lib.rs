//! Write a Drivetrain plugin in Rust without unsafe code.
//!
//! Implement [`contract::OpenBackend`], [`contract::Backend`] and [`contract::Session`], then export the backend from a
//! crate of type `cdylib`. A whole plugin, which hashes each text's trigrams into a vector:
//!
//! ```
//! use drivetrain_plugin::contract::{
//!     Backend, BackendInfo, Batch, Call, Capabilities, Device, Error, FormatSupport, Inputs, Model, OpenBackend,
//!     Output, OutputMut, Outputs, Precision, Precisions, Probe, Result, Session, SessionInfo, SessionOptions, format,
//! };
//!
//! /// Numbers in each vector.
//! const DIM: usize = 256;
//! const CAPABILITIES: Capabilities = Capabilities::TEXT_IN
//!     .union(Capabilities::POOLED_OUT)
//!     .union(Capabilities::DYNAMIC_BATCH)
//!     .union(Capabilities::DYNAMIC_LENGTH);
//!
//! struct Trigrams;
//!
//! impl OpenBackend for Trigrams {
//!     const INFO: BackendInfo = BackendInfo {
//!         id: "trigrams",
//!         version: "0.1.0",
//!         vendor: "Example",
//!         license: "MIT",
//!         config_schema_json: r#"{"type": "object", "additionalProperties": false}"#,
//!     };
//!
//!     fn open(config_json: &str) -> Result<Self> {
//!         match config_json {
//!             "" | "{}" => Ok(Self),
//!             _ => Err(Error::invalid("there are no settings in `[backends.trigrams]`")),
//!         }
//!     }
//! }
//!
//! impl Backend for Trigrams {
//!     fn probe(&self) -> Result<Probe> {
//!         let format = FormatSupport { format: format::STATIC.into(), precisions: Precisions::all(), preference: 1 };
//!         let device = Device::cpu("processor", Precisions::F32, CAPABILITIES);
//!         Ok(Probe { devices: vec![device], formats: vec![format], engine_version: None })
//!     }
//!
//!     fn create_session(&self, _: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>> {
//!         call.check()?;
//!         if options.device_id != "cpu" || options.precision != Precision::F32 {
//!             return Err(Error::unsupported("only `f32` on `cpu` is offered"));
//!         }
//!         Ok(Box::new(TrigramSession(SessionInfo {
//!             capabilities: CAPABILITIES,
//!             inputs: Inputs::TEXT_BYTES | Inputs::TEXT_OFFSETS,
//!             outputs: Outputs::SENTENCE_EMBEDDING,
//!             dim: DIM,
//!             threads: 1,
//!             precision: Some(Precision::F32),
//!             ..SessionInfo::default()
//!         })))
//!     }
//! }
//!
//! struct TrigramSession(SessionInfo);
//!
//! impl Session for TrigramSession {
//!     fn describe(&self) -> &SessionInfo {
//!         &self.0
//!     }
//!
//!     fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
//!         match output {
//!             Output::SentenceEmbedding => Ok(vec![batch.as_text()?.size(), DIM]),
//!             other => Err(Error::unsupported(format!("there is no `{}`", other.name()))),
//!         }
//!     }
//!
//!     fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
//!         call.check()?;
//!         for output in outputs {
//!             if output.shape() != self.output_shape(batch, output.output())? {
//!                 return Err(Error::invalid("the buffer has another shape than was announced"));
//!             }
//!             for (text, vector) in batch.as_text()?.texts().zip(output.data().chunks_exact_mut(DIM)) {
//!                 embed(text, vector);
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// Counts the trigrams that fall into each place, and scales the counts to length 1.
//! fn embed(text: &str, vector: &mut [f32]) {
//!     vector.fill(0.0);
//!     for trigram in text.as_bytes().windows(3) {
//!         // FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>
//!         let mix = |hash: u32, &byte: &u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
//!         vector[trigram.iter().fold(0x811c_9dc5, mix) as usize % DIM] += 1.0;
//!     }
//!     let length = vector.iter().map(|count| count * count).sum::<f32>().sqrt().max(1e-12);
//!     vector.iter_mut().for_each(|count| *count /= length);
//! }
//!
//! drivetrain_plugin::export_backend!(Trigrams);
//! # fn main() -> Result<()> {
//! # use drivetrain_plugin::contract::{NoCall, TextBatch};
//! # let backend = Trigrams::open("{}")?;
//! # let options = SessionOptions::new("cpu", std::num::NonZeroUsize::MIN);
//! # let mut session = backend.create_session(&Model::default(), &options, &NoCall)?;
//! # let batch = Batch::Text(TextBatch::new("abcdabcx", &[0, 4, 8, 8])?);
//! # let shape = session.output_shape(&batch, Output::SentenceEmbedding)?;
//! # let mut data = vec![f32::NAN; 3 * DIM];
//! # session.run(&batch, &mut [OutputMut::new(Output::SentenceEmbedding, &shape, &mut data)?], &NoCall)?;
//! # let dot = |a: usize, b: usize| (0..DIM).map(|idx| data[a * DIM + idx] * data[b * DIM + idx]).sum::<f32>();
//! # assert!((dot(0, 0) - 1.0).abs() < 1e-6 && (dot(0, 1) - 0.5).abs() < 1e-6 && dot(2, 2) == 0.0);
//! # assert!(Trigrams::open(r#"{"x":1}"#).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! A program that links the backend instead of loading it submits [`entry`] to
//! `drivetrain_plugin_abi::LinkedPlugin`; both ways go through the same C table.
//!
//! What the macro takes off an author's hands: reading and writing the C structs, checking sizes and names, turning
//! errors into text, catching panics (which poison the handle they came from), and forwarding `log` records to the
//! host.

mod call;
mod error;
mod guard;
mod log_bridge;
mod read;
mod sized;
mod table;
mod thunks;
mod write;

pub use drivetrain_contract as contract;
pub use drivetrain_plugin_abi as abi;
pub use table::entry;

#[doc(hidden)]
pub use log_bridge::prepare_exported;

/// Exports a type that implements [`contract::OpenBackend`] as this library's plugin.
#[macro_export]
macro_rules! export_backend {
    ($backend:ty) => {
        /// The entry of this plugin.
        ///
        /// # Safety
        /// Called by the host with a service table that outlives the library and an error buffer.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn drivetrain_plugin_v1(
            host: *const $crate::abi::DtHost,
            err: *mut $crate::abi::DtError,
        ) -> *const $crate::abi::DtPlugin {
            // SAFETY: the host promises what this function's safety section asks for.
            unsafe {
                $crate::prepare_exported(host);
                $crate::entry::<$backend>(host, err)
            }
        }
    };
}
