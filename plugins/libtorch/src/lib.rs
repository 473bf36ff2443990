//! The libtorch backend as a plugin in a shared library.

drivetrain_plugin::export_backend!(drivetrain_libtorch::LibTorch);
