//! Where a stream of texts goes on, as it is kept beside an output.

use drivetrain::Position;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// [`Position`], with floats as their bits: they have to come back exactly.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    windows: u64,
    texts: u64,
    cost: Option<Cost>,
    /// Files that were written before there was such a thing lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    largest_batch: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    bits: [u64; 3],
    from_window: u64,
}

pub(super) fn to_json(position: Position) -> Value {
    let cost = position.cost.map(|(seconds, from_window)| Cost { bits: seconds.map(f64::to_bits), from_window });
    let Position { windows, texts, largest_batch, .. } = position;
    serde_json::to_value(Kept { windows, texts, cost, largest_batch }).unwrap_or_default()
}

/// The position, or `None` for what is none; null is the beginning.
pub(super) fn from_json(value: &Value) -> Option<Position> {
    if value.is_null() {
        return Some(Position::default());
    }
    let Kept { windows, texts, cost, largest_batch } = Kept::deserialize(value).ok()?;
    let cost = cost.map(|Cost { bits, from_window }| (bits.map(f64::from_bits), from_window));
    Some(Position { windows, texts, cost, largest_batch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_bit_by_bit() {
        let costs = [None, Some(([0.1 + 0.2, f64::MIN_POSITIVE, -0.0], u64::MAX))];
        for (cost, largest_batch) in costs.into_iter().zip([None, Some(u64::MAX)]) {
            let position = Position { windows: u64::MAX, texts: 7, cost, largest_batch };
            let text = to_json(position).to_string();
            let found = from_json(&serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(format!("{found:?}"), format!("{position:?}"));
        }
        assert_eq!(from_json(&Value::Null), Some(Position::default()));
        let old = serde_json::json!({"windows": 1, "texts": 2, "cost": null});
        assert_eq!(from_json(&old), Some(Position { windows: 1, texts: 2, ..Position::default() }));
        assert_eq!(from_json(&serde_json::json!({"windows": 1})), None);
        assert_eq!(from_json(&serde_json::json!([1, 2])), None);
    }
}
