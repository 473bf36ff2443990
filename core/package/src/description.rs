//! The description of a package that goes to backends.

use serde::Serialize;
use serde_json::Value;

use crate::Module;

/// What [`drivetrain_contract::Model::description_json`] holds.
///
/// Modules are objects with `type` (`Transformer`, `Pooling`, `Dense`, `Normalize`, `StaticEmbedding`, `Other`) and the
/// fields of the struct of that name in this crate, with enum values in snake case.
#[derive(Debug, Serialize)]
pub(crate) struct Description<'a> {
    pub(crate) config: &'a Value,
    pub(crate) modules: &'a [Module],
    pub(crate) max_seq_length: Option<usize>,
}

impl Description<'_> {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("bug in drivetrain-package: values and plain structs are always JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Activation, Dense, Pooling, PoolingMode, StaticEmbedding, UnknownTokens};

    #[test]
    fn modules_read_as_documented() {
        let pooling = Pooling { modes: vec![PoolingMode::MeanSqrtLen], include_prompt: true, dim: 8 };
        let activation = Activation::Tanh;
        let dense = Dense { path: "2_Dense".into(), in_features: 8, out_features: 4, bias: true, activation };
        let table = StaticEmbedding { path: String::new(), unknown: UnknownTokens::Drop };
        let modules = [
            Module::Transformer { path: String::new() },
            Module::Pooling(pooling),
            Module::Dense(dense),
            Module::Normalize,
            Module::StaticEmbedding(table),
            Module::Other { type_name: "x.LSTM".into(), path: "1_LSTM".into() },
        ];
        let config = json!({"hidden_size": 8});
        let json = Description { config: &config, modules: &modules, max_seq_length: Some(64) }.to_json();
        let expect = json!({"config": {"hidden_size": 8}, "max_seq_length": 64, "modules": [
            {"type": "Transformer", "path": ""},
            {"type": "Pooling", "modes": ["mean_sqrt_len"], "include_prompt": true, "dim": 8},
            {"type": "Dense", "path": "2_Dense", "in_features": 8, "out_features": 4, "bias": true,
             "activation": "tanh"},
            {"type": "Normalize"},
            {"type": "StaticEmbedding", "path": "", "unknown": "drop"},
            {"type": "Other", "name": "x.LSTM", "path": "1_LSTM"},
        ]});
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), expect);
    }
}
