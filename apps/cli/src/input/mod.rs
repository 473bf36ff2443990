//! Where texts and vectors come from.

mod json_line;
mod lines;
mod matrix;
mod texts;

pub(crate) use matrix::Matrix;
pub(crate) use texts::{Texts, Window};
