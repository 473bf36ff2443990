//! Where vectors go.

mod format;
mod layout;
mod parquet;
mod part_file;
mod row_file;
mod rows;
mod shards;
mod sink;
mod table;
#[cfg(test)]
mod tests;

pub use format::OutputFormat;
pub use layout::write_jsonl;
pub use rows::Rows;
pub use sink::Sink;

pub use shards::Target;
pub(crate) use shards::{Extent, Output};
