//! Where texts and vectors come from.

mod json_line;
mod lines;
mod matrix;
mod npy_header;
mod stdin;
mod texts;

pub(crate) use matrix::Matrix;
pub(crate) use texts::{Texts, Window};
