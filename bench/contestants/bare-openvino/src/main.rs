//! A loop over OpenVINO as its own examples have it: one compiled model with streams, a request for each, started without
//! waiting, and a queue of those that are done.

mod contestant;
#[expect(unsafe_code, reason = "OpenVINO's C interface")]
mod native;
mod settings;

use clap::Parser;

use crate::{contestant::BareOpenVino, settings::Settings};

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| BareOpenVino::load(&settings))
}
