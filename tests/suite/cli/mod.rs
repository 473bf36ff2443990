//! The command line: what it prints, where it writes, how it fails.
#![cfg(unix)]

mod bad_lines;
mod bad_models;
mod bad_values;
mod broken_model;
mod compare;
mod config;
mod conversions;
mod disks;
mod doctor;
mod examples;
mod formats;
mod frozen;
mod help;
mod hostile;
mod interrupt;
mod little_memory;
mod lock;
mod native_library;
mod npy;
mod plan;
mod planning;
mod plugins;
mod probe;
mod rules;
mod runtimes;
mod sides;
mod workplace;

use workplace::Workplace;
