//! The commands, one in each file.

pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod convert;
pub(crate) mod doctor;
pub(crate) mod embed;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod plugins;
pub(crate) mod probe;
mod profile;
pub(crate) mod rules;
pub(crate) mod runtimes;
pub(crate) mod trial;
