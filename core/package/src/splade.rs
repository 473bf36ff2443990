//! How scores of words become the weights of a sparse vector.

use drivetrain_contract::Result;
use serde::Serialize;

use crate::json::Fields;

/// Pooling of a masked language model's scores, `[tokens, vocabulary]` to `[vocabulary]`.
///
/// Definitions: `sentence_transformers/sparse_encoder/modules/splade_pooling.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SpladePooling {
    /// What tokens are brought together by.
    pub strategy: SpladeStrategy,
    /// What is applied to each score before that.
    pub activation: SpladeActivation,
}

/// What tokens are brought together by, each over those that are not padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpladeStrategy {
    /// The largest.
    Max,
    /// The sum.
    Sum,
}

/// What is applied to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpladeActivation {
    /// `ln(1 + max(x, 0))`
    Relu,
    /// `ln(1 + ln(1 + max(x, 0)))`
    Log1pRelu,
}

impl SpladePooling {
    /// Reads the module's `config.json`.
    pub(crate) fn read(config: &Fields<'_>) -> Result<Self> {
        let strategy = match config.str("pooling_strategy")?.unwrap_or("max") {
            "max" => SpladeStrategy::Max,
            "sum" => SpladeStrategy::Sum,
            other => return Err(config.problem("pooling_strategy", &format!("must be max or sum, not `{other}`"))),
        };
        let activation = match config.str("activation_function")?.unwrap_or("relu") {
            "relu" => SpladeActivation::Relu,
            "log1p_relu" => SpladeActivation::Log1pRelu,
            other => {
                let problem = format!("must be relu or log1p_relu, not `{other}`");
                return Err(config.problem("activation_function", &problem));
            }
        };
        Ok(Self { strategy, activation })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<SpladePooling> {
        SpladePooling::read(&Fields::new("1_SpladePooling/config.json".into(), value).unwrap())
    }

    #[test]
    fn what_is_left_out_is_the_usual() {
        let usual = SpladePooling { strategy: SpladeStrategy::Max, activation: SpladeActivation::Relu };
        assert_eq!(read(&json!({})).unwrap(), usual);
        let other = read(&json!({"pooling_strategy": "sum", "activation_function": "log1p_relu"})).unwrap();
        assert_eq!(other, SpladePooling { strategy: SpladeStrategy::Sum, activation: SpladeActivation::Log1pRelu });
        for value in [json!({"pooling_strategy": "mean"}), json!({"activation_function": "gelu"}), json!([1])] {
            let fields = Fields::new("f.json".into(), &value);
            assert!(fields.is_err() || SpladePooling::read(&fields.unwrap()).is_err(), "{value}");
        }
    }
}
