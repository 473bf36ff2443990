//! Where texts come from.

mod column;
mod counts;
mod csv;
mod format;
mod json_line;
mod jsonl;
mod lines;
mod open;
mod parquet;
mod reader;
mod record;
mod records;
mod sources;
#[cfg(test)]
mod tests;
mod txt;
mod walk;

pub use counts::Counts;
pub use format::InputFormat;
pub use record::Record;
pub use records::{ReadOptions, Records};
pub use sources::{Input, InputFacts, Sources};

pub(crate) use record::{Columns, Value};
pub(crate) use sources::digest;
