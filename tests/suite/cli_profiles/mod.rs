//! Profiles from everywhere: files, variables, flags, in their order.
#![cfg(unix)]

mod desk;
mod layers;
mod lists;
mod safety;

use desk::Desk;
