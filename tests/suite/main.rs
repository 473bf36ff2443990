//! The product as its users see it.

mod cli;
mod vectors;
