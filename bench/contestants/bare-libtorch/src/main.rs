//! A loop over libtorch as an expert writes it by hand for BERT: fused projections, no mask where nothing is padded.

mod bert;
mod contestant;
mod settings;

use clap::Parser;

use crate::{contestant::BareLibTorch, settings::Settings};

fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    protocol::serve(|| BareLibTorch::load(&settings))
}
