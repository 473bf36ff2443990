//! Tests of rules as a whole: what the shipped ones say, and which files are refused.

mod broken;
mod explained;
mod leaves;
mod machines;
