//! A loop over ONNX Runtime as an expert writes it by hand for one model: sorted texts, fixed batches, nothing else.

mod batch;
mod contestant;
mod session;
mod settings;

use clap::Parser;

use crate::{contestant::BareOrt, settings::Settings};

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| BareOrt::load(&settings))
}
