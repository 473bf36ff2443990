//! The built-in model: a small static one, compiled in. Its licence and provenance lie beside it in `builtin/`.

use drivetrain_contract::Result;
use drivetrain_package::Package;

const FILES: &[(&str, &[u8])] = &[
    ("config.json", include_bytes!("../builtin/config.json")),
    ("config_sentence_transformers.json", include_bytes!("../builtin/config_sentence_transformers.json")),
    ("model.safetensors", include_bytes!("../builtin/model.safetensors")),
    ("modules.json", include_bytes!("../builtin/modules.json")),
    ("tokenizer.json", include_bytes!("../builtin/tokenizer.json")),
];

/// The built-in package.
pub(crate) fn package() -> Result<Package> {
    Package::from_memory("builtin", FILES)
}
