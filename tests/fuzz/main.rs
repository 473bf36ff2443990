//! Readers of model files under fire: mutations of sound files, and files made to exhaust whoever believes them.
//!
//! Every case must end soon, with what was read or with an error that names the file, and must not take more memory than
//! a few times what a large model needs. `cargo test` runs the same cases every time; `cargo xtask fuzz` runs others for
//! as long as it is told. Inputs that once failed are kept in `regressions/` and run first.

mod allocation;
mod bombs;
mod case;
mod mutation;
mod onnx;
mod package;
mod run;
mod torch;
mod weights;
