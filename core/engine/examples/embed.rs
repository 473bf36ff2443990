//! The shortest way: the built-in model, which needs no other file.
//!
//! `cargo run -p drivetrain --example embed`
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use drivetrain::{Engine, Profile, Result};

fn main() -> Result<()> {
    let profile = Profile::build(&[])?;
    let engine = Engine::from_profile(&profile)?;
    let texts = ["a text becomes a vector", "another one too"];
    for (text, vector) in texts.iter().zip(engine.embed(&texts)?.rows()) {
        println!("{text:?}: {} numbers, the first is {:.6}", vector.len(), vector[0]);
    }
    Ok(())
}
