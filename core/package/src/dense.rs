//! A linear layer after pooling, or on token vectors.

use drivetrain_contract::Result;
use serde::Serialize;

use crate::{Module, json::Fields};

/// `y = activation(W x + b)`, with `W` as `linear.weight` `[out_features, in_features]` and `b` as `linear.bias`
/// `[out_features]` in the module's weights.
///
/// A layer listed before the pooling step works on each token's vector, one listed after it on the pooled vector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dense {
    /// Folder inside the package, for [`crate::Package::module_weights`].
    pub path: String,
    /// Extent of the input.
    pub in_features: usize,
    /// Extent of the output.
    pub out_features: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// What follows the linear map.
    pub activation: Activation,
}

/// An activation, with the defaults of the `torch.nn` module of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`
    Identity,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`
    Relu,
    /// `x Φ(x)` with the exact Gaussian distribution function.
    Gelu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x / (1 + exp(-x))`
    Silu,
}

impl Activation {
    /// The activation for a class path such as `torch.nn.modules.activation.Tanh`.
    fn named(class: &str) -> Option<Self> {
        if !class.starts_with("torch.nn.") {
            return None;
        }
        Some(match class.rsplit('.').next()? {
            "Identity" => Self::Identity,
            "Tanh" => Self::Tanh,
            "ReLU" => Self::Relu,
            "GELU" => Self::Gelu,
            "Sigmoid" => Self::Sigmoid,
            "SiLU" => Self::Silu,
            _ => return None,
        })
    }
}

impl Dense {
    /// Reads a dense module's `config.json`. A layer with something unsupported comes back as [`Module::Other`].
    pub(crate) fn read(config: &Fields<'_>, path: &str) -> Result<Module> {
        let missing = |key| config.problem(key, "is missing");
        let in_features = config.dim("in_features")?.ok_or_else(|| missing("in_features"))?;
        let out_features = config.dim("out_features")?.ok_or_else(|| missing("out_features"))?;
        let bias = config.bool("bias")?.unwrap_or(true);
        let path = path.to_owned();
        if config.bool("use_residual")? == Some(true) {
            return Ok(Module::Other { type_name: "Dense with a residual connection".to_owned(), path });
        }
        // A layer that does not name its activation has tanh, as in sentence-transformers.
        let class = config.str("activation_function")?.unwrap_or("torch.nn.Tanh");
        Ok(match Activation::named(class) {
            Some(activation) => Module::Dense(Self { path, in_features, out_features, bias, activation }),
            None => Module::Other { type_name: format!("Dense with activation {class}"), path },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(value: &Value, expect: Option<(bool, Activation)>) {
        let module = Dense::read(&Fields::new("2_Dense/config.json".into(), value).unwrap(), "2_Dense").unwrap();
        match (module, expect) {
            (Module::Dense(dense), Some(expect)) => assert_eq!((dense.bias, dense.activation), expect, "{value}"),
            (Module::Other { type_name, .. }, None) => assert!(type_name.contains("Dense with "), "{type_name}"),
            (module, _) => panic!("{value} gave {module:?}"),
        }
    }

    fn layer(activation: &str) -> Value {
        json!({"in_features": 4, "out_features": 2, "bias": false, "activation_function": activation})
    }

    #[test]
    fn activations_are_known_by_class() {
        check(&layer("torch.nn.modules.activation.Tanh"), Some((false, Activation::Tanh)));
        check(&layer("torch.nn.modules.linear.Identity"), Some((false, Activation::Identity)));
        check(&layer("torch.nn.modules.activation.GELU"), Some((false, Activation::Gelu)));
        check(&json!({"in_features": 4, "out_features": 2}), Some((true, Activation::Tanh)));
    }

    #[test]
    fn what_is_not_supported_is_told_apart_from_what_is_broken() {
        check(&layer("my_module.Tanh"), None);
        check(&layer("torch.nn.modules.activation.Hardswish"), None);
        check(&json!({"in_features": 4, "out_features": 4, "use_residual": true}), None);
        for value in [json!({"in_features": 4}), json!({"in_features": "4", "out_features": 2}), Value::Null] {
            let config = Fields::new("2_Dense/config.json".into(), &value).unwrap();
            assert!(Dense::read(&config, "2_Dense").is_err(), "{value}");
        }
    }
}
