//! Tensors between the contract and libtorch: ids in, floats out, each with one copy.

use drivetrain_contract::{Error, Inputs, OutputMut, PaddedBatch, Result, TokenIds};
use tch::{Device, Kind, TchError, Tensor};

use crate::{description::Description, error};

/// One tensor of a batch on the device, every value inside what the model has room for.
pub(crate) fn input(
    batch: &PaddedBatch<'_>,
    tensor: Inputs,
    (description, device): (&Description, Device),
) -> Result<Tensor> {
    let name = tensor.name();
    let ids = batch
        .tensor(tensor)
        .ok_or_else(|| Error::invalid(format!("the model needs `{name}`, which the batch does not have")))?;
    let TokenIds::I64(ids) = ids else {
        return Err(Error::invalid(format!("`{name}` is 32-bit, the session wants 64-bit")));
    };
    check_ids(name, ids, description.limit(tensor))?;
    let shape = [batch.size() as i64, batch.length() as i64];
    let copy = || Tensor::f_from_slice(ids)?.f_reshape(shape)?.f_to(device);
    copy().map_err(error::run)
}

/// Fails for an id that is negative or not below `limit`, naming tensor and place.
fn check_ids(name: &str, ids: &[i64], limit: i64) -> Result<()> {
    match ids.iter().position(|id| !(0..limit).contains(id)) {
        Some(idx) => {
            Err(Error::invalid(format!("`{name}` holds {} at {idx}, allowed is 0 to {}", ids[idx], limit - 1)))
        }
        None => Ok(()),
    }
}

/// Whether any token of the batch is padding.
pub(crate) fn has_padding(batch: &PaddedBatch<'_>) -> bool {
    match batch.tensor(Inputs::ATTENTION_MASK) {
        Some(TokenIds::I64(mask)) => mask.contains(&0),
        Some(TokenIds::I32(mask)) => mask.contains(&0),
        None => false,
    }
}

/// Copies what was computed into the caller's buffer, widened to f32.
pub(crate) fn output(tensor: &Tensor, out: &mut OutputMut<'_>) -> Result<()> {
    let found = tensor.size();
    if !found.iter().map(|&extent| usize::try_from(extent).ok()).eq(out.shape().iter().map(|&extent| Some(extent))) {
        return Err(Error::model(format!(
            "the model gives `{}` with shape {found:?}, announced was {:?}",
            out.output().name(),
            out.shape()
        )));
    }
    let name = out.output().name();
    let copy = |data: &mut [f32]| {
        let tensor = tensor.f_to(Device::Cpu)?.f_to_dtype(Kind::Float, false, false)?.f_contiguous()?;
        let n_numbers = data.len();
        tensor.f_copy_data(data, n_numbers)
    };
    copy(out.data()).map_err(|err: TchError| match err {
        TchError::Kind(_) => Error::model(format!("the model gives `{name}` as something that is no floats")),
        err => error::run(err),
    })
}

#[cfg(test)]
mod tests {
    use drivetrain_contract::{ErrorKind, Output};

    use super::*;

    #[test]
    fn ids_outside_are_named_with_their_place() {
        assert!(check_ids("input_ids", &[0, 9], 10).is_ok());
        assert!(check_ids("input_ids", &[i64::MAX - 1], i64::MAX).is_ok());
        let message = |ids: &[i64]| check_ids("input_ids", ids, 10).unwrap_err().message().to_owned();
        assert_eq!(message(&[0, 10]), "`input_ids` holds 10 at 1, allowed is 0 to 9");
        assert_eq!(message(&[1, 2, -1]), "`input_ids` holds -1 at 2, allowed is 0 to 9");
    }

    #[test]
    fn every_type_is_widened_and_every_other_shape_refused() {
        for kind in [Kind::Float, Kind::Half, Kind::BFloat16, Kind::Double] {
            let tensor = Tensor::from_slice(&[1.5_f32, -2.0]).to_kind(kind).reshape([1, 2]);
            let mut data = [0.0; 2];
            output(&tensor, &mut OutputMut::new(Output::Logits, &[1, 2], &mut data).unwrap()).unwrap();
            assert_eq!(data, [1.5, -2.0]);
            let err = output(&tensor, &mut OutputMut::new(Output::Logits, &[2, 1], &mut data).unwrap()).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Model);
        }
    }
}
