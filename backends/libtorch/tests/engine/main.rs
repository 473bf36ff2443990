//! The backend with the libtorch it is linked with, against vectors of the reference library.

mod fixture;
mod process;
mod refusals;
mod sharing;
mod torchscript;
mod vectors;

use std::num::NonZeroUsize;

use drivetrain_contract::{Backend, NoCall, OpenBackend, Precision, Result, Session, SessionOptions};
use drivetrain_libtorch::LibTorch;

use fixture::Fixture;

fn backend() -> LibTorch {
    LibTorch::open("").unwrap()
}

fn options(precision: Precision, threads: usize) -> SessionOptions {
    SessionOptions { precision, ..SessionOptions::new("cpu", NonZeroUsize::new(threads).unwrap()) }
}

fn session(fixture: &Fixture, precision: Precision) -> Result<Box<dyn Session>> {
    backend().create_session(&fixture.model(), &options(precision, 2), &NoCall)
}
