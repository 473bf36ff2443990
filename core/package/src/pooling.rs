//! How token vectors become one vector.

use drivetrain_contract::Result;
use serde::Serialize;

use crate::json::Fields;

/// A pooling step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pooling {
    /// What is computed; several results are concatenated in this order.
    pub modes: Vec<PoolingMode>,
    /// Whether the tokens of a prompt take part.
    pub include_prompt: bool,
    /// Extent of one mode's result, which is that of a token vector.
    pub dim: usize,
}

/// One way to pool token vectors, each over the tokens that are not padding.
///
/// Definitions: `sentence_transformers/sentence_transformer/modules/pooling.py`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolingMode {
    /// The first token's vector.
    Cls,
    /// The largest value of each component.
    Max,
    /// The mean.
    Mean,
    /// The sum divided by the square root of the number of tokens.
    MeanSqrtLen,
    /// The mean with weights 1, 2, 3, … in the order of the tokens.
    WeightedMean,
    /// The last token's vector.
    LastToken,
}

/// Mode, its name, and its flag in packages written before sentence-transformers 5, in the order in which several flags
/// are concatenated.
const MODES: [(PoolingMode, &str, &str); 6] = [
    (PoolingMode::Cls, "cls", "pooling_mode_cls_token"),
    (PoolingMode::Max, "max", "pooling_mode_max_tokens"),
    (PoolingMode::Mean, "mean", "pooling_mode_mean_tokens"),
    (PoolingMode::MeanSqrtLen, "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    (PoolingMode::WeightedMean, "weightedmean", "pooling_mode_weightedmean_tokens"),
    (PoolingMode::LastToken, "lasttoken", "pooling_mode_lasttoken"),
];

impl PoolingMode {
    /// The name in the files of sentence-transformers.
    pub fn name(self) -> &'static str {
        MODES[self as usize].1
    }
}

impl Pooling {
    /// Extent of the pooled vector.
    pub fn output_dim(&self) -> usize {
        self.dim * self.modes.len()
    }

    /// Reads a pooling module's `config.json` in either style. `token_dim` stands in for an extent it does not state.
    pub(crate) fn read(config: &Fields<'_>, token_dim: Option<usize>) -> Result<Self> {
        let stated = config.dim("embedding_dimension")?.or(config.dim("word_embedding_dimension")?);
        let Some(dim) = stated.or(token_dim) else {
            return Err(config.problem("embedding_dimension", "is missing"));
        };
        let modes = match config.get("pooling_mode") {
            Some(_) => named_modes(config)?,
            None => flagged_modes(config)?,
        };
        Ok(Self { modes, include_prompt: config.bool("include_prompt")?.unwrap_or(true), dim })
    }
}

fn named_modes(config: &Fields<'_>) -> Result<Vec<PoolingMode>> {
    let names: Vec<&str> = match config.str("pooling_mode") {
        Ok(names) => names.unwrap_or_default().split('+').collect(),
        Err(_) => config.strings("pooling_mode")?.unwrap_or_default(),
    };
    // No mode is useful twice, and a bound on their number bounds the extent of the result.
    if names.is_empty() || names.len() > MODES.len() {
        return Err(config.problem("pooling_mode", &format!("must name 1 to {} modes", MODES.len())));
    }
    let mode = |name: &str| MODES.iter().find(|(_, known, _)| *known == name).map(|(mode, ..)| *mode);
    let unknown = |name: &str| {
        let known = MODES.map(|(_, known, _)| known).join(", ");
        config.problem("pooling_mode", &format!("names the unknown mode `{name}`; known are {known}"))
    };
    names.into_iter().map(str::trim).map(|name| mode(name).ok_or_else(|| unknown(name))).collect()
}

fn flagged_modes(config: &Fields<'_>) -> Result<Vec<PoolingMode>> {
    let mut modes = Vec::new();
    for (mode, _, flag) in MODES {
        if config.bool(flag)? == Some(true) {
            modes.push(mode);
        }
    }
    if modes.is_empty() {
        modes.push(PoolingMode::Mean);
    }
    Ok(modes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Pooling> {
        Pooling::read(&Fields::new("1_Pooling/config.json".into(), value).unwrap(), None)
    }

    fn check(value: &Value, modes: &[PoolingMode]) {
        let pooling = read(value).unwrap();
        assert_eq!(pooling.modes, modes, "{value}");
        assert_eq!(pooling.output_dim(), 8 * modes.len());
    }

    #[test]
    fn both_styles_and_several_modes() {
        use PoolingMode::*;
        check(&json!({"embedding_dimension": 8, "pooling_mode": "mean_sqrt_len_tokens"}), &[MeanSqrtLen]);
        check(&json!({"embedding_dimension": 8, "pooling_mode": ["lasttoken", "cls"]}), &[LastToken, Cls]);
        check(&json!({"embedding_dimension": 8, "pooling_mode": "mean+max"}), &[Mean, Max]);
        check(&json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true}), &[Cls]);
        check(&json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": false}), &[Mean]);
        let flags = json!({"word_embedding_dimension": 8, "pooling_mode_weightedmean_tokens": true,
                           "pooling_mode_max_tokens": true, "pooling_mode_mean_tokens": true});
        check(&flags, &[Max, Mean, WeightedMean]);
        for (idx, (mode, name, _)) in MODES.into_iter().enumerate() {
            assert_eq!((mode as usize, mode.name()), (idx, name));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for value in [
            json!({"pooling_mode": "mean"}),
            json!({"embedding_dimension": 0, "pooling_mode": "mean"}),
            json!({"embedding_dimension": -8}),
            json!({"embedding_dimension": 1_000_000_000_000_u64}),
            json!({"embedding_dimension": 8, "pooling_mode": "median"}),
            json!({"embedding_dimension": 8, "pooling_mode": []}),
            json!({"embedding_dimension": 8, "pooling_mode": vec!["mean"; 1000]}),
            json!({"embedding_dimension": 8, "pooling_mode": 3}),
            json!({"embedding_dimension": 8, "pooling_mode_cls_token": "yes"}),
        ] {
            assert!(read(&value).is_err(), "{value}");
        }
    }
}
