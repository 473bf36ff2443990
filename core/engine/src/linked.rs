//! Backends that are part of the program, registered beside those found as plugins.
//!
//! Naming a backend's type here is also what keeps the linker from dropping it.

use drivetrain_plugin::entry;
use drivetrain_plugin_abi::LinkedPlugin;

#[cfg(feature = "static")]
inventory::submit! {
    LinkedPlugin {
        manifest: drivetrain_static::MANIFEST,
        entry: entry::<drivetrain_static::StaticBackend>,
    }
}

#[cfg(feature = "onnxruntime")]
inventory::submit! {
    LinkedPlugin {
        manifest: drivetrain_onnxruntime::MANIFEST,
        entry: entry::<drivetrain_onnxruntime::OnnxRuntime>,
    }
}

#[cfg(feature = "openvino")]
inventory::submit! {
    LinkedPlugin {
        manifest: drivetrain_openvino::MANIFEST,
        entry: entry::<drivetrain_openvino::OpenVino>,
    }
}
