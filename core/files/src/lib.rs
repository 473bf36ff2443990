//! Texts in, vectors out: the files a job reads and writes, and how it goes on after an interruption.
//!
//! [`Sources`] finds what is to be read (files, folders, patterns, a stream) and [`Records`] reads it, one text after
//! the other, whatever the format. [`Rows`] joins texts and vectors, and a [`Sink`] writes them in one [`OutputFormat`].
//! A [`Job`] is an output that survives: while it is written it has another name, and beside it lies a file that says
//! how to go on.
//!
//! # Invariants
//!
//! - Nothing here knows a model or an engine. Where a job goes on is known to whoever computes the vectors, and kept
//!   here without being looked at.
//! - An output has its own name only when it is well-formed and ends at a whole record.
//! - What is held of an input does not grow with it: a line, a record or a batch of a row group at a time.
//! - No environment, no arguments, nothing printed.
#![forbid(unsafe_code)]

mod failure;
mod input;
mod job;
mod output;

pub use input::{Counts, Input, InputFacts, InputFormat, ReadOptions, Record, Records, Sources};
pub use job::{Identity, Job, JobOptions, Kept, Start};
pub use output::{OutputFormat, Rows, Sink, Target, write_jsonl};
