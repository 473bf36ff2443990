//! The product as its users see it.

mod backends;
mod cli;
mod cli_models;
mod cli_profiles;
mod hub;
mod jobs;
mod vectors;
