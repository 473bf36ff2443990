//! The openvino backend as a plugin in a shared library.

drivetrain_plugin::export_backend!(drivetrain_openvino::OpenVino);
