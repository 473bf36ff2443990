//! Plugins that follow the interface are called; those that do not are refused or contained, and the process goes on.

mod c_plugins;
mod natives;
mod panics;
mod search;
