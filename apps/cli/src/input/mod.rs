//! Where texts and vectors come from.

mod matrix;
mod npy_header;
mod stdin;
mod texts;

pub(crate) use matrix::Matrix;
pub(crate) use texts::{read_options, sources, texts};
