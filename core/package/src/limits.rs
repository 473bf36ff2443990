//! The longest text a package takes.

use drivetrain_contract::Result;

use crate::json::Fields;

/// Architectures with one learned vector per position, which cannot go beyond their table.
const LEARNED_POSITIONS: [&str; 8] =
    ["albert", "bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"];

/// Those of them whose first position is the one after the padding token's id, so that a part of the table is unused
/// (`create_position_ids_from_input_ids` in transformers).
const OFFSET_POSITIONS: [&str; 4] = ["camembert", "mpnet", "roberta", "xlm-roberta"];

/// Longest text in tokens, special tokens included; `None` is no limit.
///
/// As sentence-transformers resolves it: `max_seq_length` of `sentence_bert_config.json`; else the smaller of
/// `model_max_length` in `tokenizer_config.json` and `max_position_embeddings` in `config.json`; else, which it leaves
/// open, what `tokenizer.json` truncates to. Where positions are learned, the result is capped at what their table
/// holds: sentence-transformers would fail on longer texts.
pub(crate) fn max_seq_length(
    sentence_bert: &Fields<'_>,
    tokenizer: &Fields<'_>,
    config: &Fields<'_>,
    in_tokenizer_file: Option<usize>,
) -> Result<Option<usize>> {
    let positions = config.length("max_position_embeddings")?;
    let usable = usable_positions(config, positions)?;
    if let Some(stated) = sentence_bert.length("max_seq_length")? {
        return Ok(Some(usable.map_or(stated, |usable| stated.min(usable))));
    }
    let stated = tokenizer.length("model_max_length")?;
    let limit = [stated, positions, usable].into_iter().flatten().min();
    Ok(limit.or(in_tokenizer_file))
}

/// The longest text that a table of learned positions serves; `None` for other kinds of position.
fn usable_positions(config: &Fields<'_>, positions: Option<usize>) -> Result<Option<usize>> {
    let model_type = config.str("model_type")?.unwrap_or_default();
    let absolute = config.str("position_embedding_type")?.is_none_or(|kind| kind == "absolute");
    let Some(positions) = positions.filter(|_| absolute && LEARNED_POSITIONS.contains(&model_type)) else {
        return Ok(None);
    };
    if !OFFSET_POSITIONS.contains(&model_type) {
        return Ok(Some(positions));
    }
    let pad_token_id = config.get("pad_token_id").and_then(serde_json::Value::as_u64).unwrap_or(1);
    let unused = usize::try_from(pad_token_id).ok().and_then(|id| id.checked_add(1));
    match unused.and_then(|unused| positions.checked_sub(unused)).filter(|&usable| usable > 0) {
        Some(usable) => Ok(Some(usable)),
        None => Err(config.problem("max_position_embeddings", "leaves no position after the padding token's")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(sentence_bert: &Value, tokenizer: &Value, config: &Value, expect: Option<usize>) {
        let fields = |value| Fields::new("f.json".into(), value).unwrap();
        let found = max_seq_length(&fields(sentence_bert), &fields(tokenizer), &fields(config), Some(128));
        assert_eq!(found.unwrap(), expect, "{sentence_bert} {tokenizer} {config}");
    }

    #[test]
    fn files_are_asked_in_order() {
        let bert = json!({"model_type": "bert", "max_position_embeddings": 512});
        check(&json!({"max_seq_length": 256}), &json!({"model_max_length": 512}), &bert, Some(256));
        check(&json!({"max_seq_length": null}), &json!({"model_max_length": 100}), &bert, Some(100));
        check(&json!({}), &json!({"model_max_length": 1e30}), &bert, Some(512));
        check(&json!({}), &json!({}), &json!({"model_type": "xlnet", "max_position_embeddings": -1}), Some(128));
        check(&Value::Null, &Value::Null, &Value::Null, Some(128));
    }

    #[test]
    fn only_learned_positions_cap_what_is_stated() {
        let stated = json!({"max_seq_length": 8192});
        check(&stated, &json!({}), &json!({"model_type": "bert", "max_position_embeddings": 512}), Some(512));
        let alibi = json!({"model_type": "bert", "max_position_embeddings": 512, "position_embedding_type": "alibi"});
        check(&stated, &json!({}), &alibi, Some(8192));
        check(&stated, &json!({}), &json!({"model_type": "modernbert", "max_position_embeddings": 512}), Some(8192));
    }

    #[test]
    fn offset_positions_lose_the_first_of_their_table() {
        let roberta = json!({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1});
        check(&json!({"max_seq_length": 514}), &json!({}), &roberta, Some(512));
        check(&json!({}), &json!({"model_max_length": 1e30}), &roberta, Some(512));
        let value = json!({"model_type": "roberta", "max_position_embeddings": 2, "pad_token_id": 1});
        let fields = |value| Fields::new("f.json".into(), value).unwrap();
        assert!(max_seq_length(&fields(&Value::Null), &fields(&Value::Null), &fields(&value), None).is_err());
    }
}
