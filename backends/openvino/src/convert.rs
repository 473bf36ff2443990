//! Tensors between the contract and the engine: ids checked, floats copied once and widened.
//!
//! Results are copied instead of being computed into the caller's memory: a request keeps pointing at memory that it
//! was lent for a result, and would write there in a later run that does not want that result.

use drivetrain_contract::{Error, Inputs, OutputMut, Result, TokenIds};

use crate::{
    error,
    native::{Elements, Output},
};

/// Fails for an id that is negative or not below `limit`, naming tensor and place.
///
/// The engine does not check: what it computes from such an id is undefined.
pub(crate) fn check_ids(tensor: Inputs, ids: TokenIds<'_>, limit: i64) -> Result<()> {
    let inside = |id: i64| (0..limit).contains(&id);
    let outside = match ids {
        TokenIds::I64(ids) => ids.iter().position(|&id| !inside(id)).map(|idx| (idx, ids[idx])),
        TokenIds::I32(ids) => ids.iter().position(|&id| !inside(id.into())).map(|idx| (idx, ids[idx].into())),
    };
    match outside {
        Some((idx, id)) => {
            Err(Error::invalid(format!("`{}` holds {id} at {idx}, allowed is 0 to {}", tensor.name(), limit - 1)))
        }
        None => Ok(()),
    }
}

/// Copies what the engine gave into the caller's buffer, widened to f32.
pub(crate) fn output(value: &Output<'_>, out: &mut OutputMut<'_>) -> Result<()> {
    let found = value.shape().map_err(error::run)?;
    if found != out.shape() {
        return Err(Error::model(format!(
            "the graph gives `{}` with shape {found:?}, announced was {:?}",
            out.output().name(),
            out.shape()
        )));
    }
    let data = out.data();
    let copy = |elements: Elements<'_>| match elements {
        Elements::F32(values) => data.iter_mut().zip(values).for_each(|(out, value)| *out = *value),
        Elements::F16(values) => data.iter_mut().zip(values).for_each(|(out, value)| *out = value.to_f32()),
        Elements::Bf16(values) => data.iter_mut().zip(values).for_each(|(out, value)| *out = value.to_f32()),
    };
    value.read(copy).map_err(error::run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_are_named_with_their_place() {
        let check = |ids, limit| check_ids(Inputs::INPUT_IDS, ids, limit);
        assert!(check(TokenIds::I64(&[0, 9]), 10).is_ok());
        assert!(check(TokenIds::I32(&[i32::MAX]), i64::MAX).is_ok());
        let message = |ids| check(ids, 10).unwrap_err().message().to_owned();
        assert_eq!(message(TokenIds::I64(&[0, 10])), "`input_ids` holds 10 at 1, allowed is 0 to 9");
        assert_eq!(
            message(TokenIds::I64(&[i64::MIN])),
            "`input_ids` holds -9223372036854775808 at 0, allowed is 0 to 9"
        );
        assert_eq!(message(TokenIds::I32(&[1, 2, -1])), "`input_ids` holds -1 at 2, allowed is 0 to 9");
    }
}
