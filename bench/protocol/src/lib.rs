//! What the runner and the contestants say to each other: lines on the contestant's standard input and output.
//!
//! A contestant gets its settings and the file of texts as arguments, loads, and says `ready`. Then, for each command it
//! is given, it embeds every text once and says `done`:
//!
//! ```text
//! contestant: ready {"load_seconds":0.2,"dim":384}
//! runner:     write /tmp/vectors
//! contestant: done {"seconds":1.5,"texts":100,"tokens":13000}
//! runner:     run
//! contestant: done {"seconds":1.5,"texts":100,"tokens":13000}
//! runner:     quit
//! ```
//!
//! Only the embedding is timed: neither reading the texts nor writing the vectors.

mod message;
mod serve;
mod texts;

pub use message::{Command, Done, Ready, Reply};
pub use serve::{Contestant, serve};
pub use texts::{read_texts, write_texts};
