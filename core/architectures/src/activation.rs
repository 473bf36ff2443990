//! Activation functions by the names that configurations give them.

/// A function applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x`
    Identity,
    /// `x Φ(x)` with the exact Gaussian distribution function, `Φ(x) = (1 + erf(x / √2)) / 2`.
    Gelu,
    /// `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2` (Hendrycks and Gimpel, arXiv:1606.08415).
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x / (1 + exp(-x))`
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

/// What `transformers.activations.ACT2FN` calls them.
const TRANSFORMERS: [(&str, Activation); 9] = [
    ("gelu", Activation::Gelu),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("relu", Activation::Relu),
    ("sigmoid", Activation::Sigmoid),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("tanh", Activation::Tanh),
];

impl Activation {
    /// The activation that `hidden_act` in a transformer's `config.json` names.
    pub fn from_transformers(name: &str) -> Option<Self> {
        TRANSFORMERS.into_iter().find(|(known, _)| *known == name).map(|(_, activation)| activation)
    }

    /// Every name [`Activation::from_transformers`] knows, for messages.
    pub fn transformers_names() -> String {
        TRANSFORMERS.map(|(name, _)| format!("`{name}`")).join(", ")
    }
}

impl From<drivetrain_package::Activation> for Activation {
    fn from(activation: drivetrain_package::Activation) -> Self {
        use drivetrain_package::Activation as Dense;
        match activation {
            Dense::Identity => Self::Identity,
            Dense::Tanh => Self::Tanh,
            Dense::Relu => Self::Relu,
            Dense::Gelu => Self::Gelu,
            Dense::Sigmoid => Self::Sigmoid,
            Dense::Silu => Self::Silu,
        }
    }
}
