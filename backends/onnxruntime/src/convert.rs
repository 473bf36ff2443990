//! Tensors between the contract and the engine: ids in without a copy, floats out with at most one.

use drivetrain_contract::{Error, OutputMut, PaddedBatch, Result, TokenIds};
use half::{bf16, f16};
use ort::{
    session::SessionInputValue,
    value::{DynValue, Tensor, TensorElementType, TensorRef},
};

use crate::error;

/// The engine's view of one tensor of a batch; nothing is copied.
pub(crate) fn input<'a>(batch: &PaddedBatch<'a>, ids: TokenIds<'a>) -> Result<SessionInputValue<'a>> {
    let shape = [batch.size(), batch.length()];
    match ids {
        TokenIds::I64(ids) => TensorRef::from_array_view((shape, ids)).map(SessionInputValue::from),
        TokenIds::I32(ids) => TensorRef::from_array_view((shape, ids)).map(SessionInputValue::from),
    }
    .map_err(error::run)
}

/// A copy of an input that the engine may hold on to.
pub(crate) fn owned(input: &DynValue) -> Result<DynValue> {
    match input.dtype().tensor_type() {
        Some(TensorElementType::Int32) => {
            let (shape, ids) = input.try_extract_tensor::<i32>().map_err(error::run)?;
            Tensor::from_array((shape.clone(), ids.to_vec())).map(Tensor::into_dyn)
        }
        _ => {
            let (shape, ids) = input.try_extract_tensor::<i64>().map_err(error::run)?;
            Tensor::from_array((shape.clone(), ids.to_vec())).map(Tensor::into_dyn)
        }
    }
    .map_err(error::run)
}

/// Copies what the engine gave into the caller's buffer, widened to f32.
pub(crate) fn output(value: &DynValue, out: &mut OutputMut<'_>) -> Result<()> {
    let found = shape(value)?;
    if found != out.shape() {
        return Err(Error::model(format!(
            "the graph gives `{}` with shape {found:?}, announced was {:?}",
            out.output().name(),
            out.shape()
        )));
    }
    let data = out.data();
    match value.dtype().tensor_type() {
        Some(TensorElementType::Float32) => {
            data.copy_from_slice(value.try_extract_tensor::<f32>().map_err(error::run)?.1);
        }
        Some(TensorElementType::Float16) => {
            let values = value.try_extract_tensor::<f16>().map_err(error::run)?.1;
            data.iter_mut().zip(values).for_each(|(out, value)| *out = value.to_f32());
        }
        Some(TensorElementType::Bfloat16) => {
            let values = value.try_extract_tensor::<bf16>().map_err(error::run)?.1;
            data.iter_mut().zip(values).for_each(|(out, value)| *out = value.to_f32());
        }
        _ => return Err(Error::model(format!("the graph gives `{}` as {}", out.output().name(), value.dtype()))),
    }
    Ok(())
}

/// Extents of a tensor.
pub(crate) fn shape(value: &DynValue) -> Result<Vec<usize>> {
    let shape =
        value.dtype().tensor_shape().ok_or_else(|| Error::model("the graph gives an output that is no tensor"))?;
    shape
        .iter()
        .map(|&extent| usize::try_from(extent))
        .collect::<Result<_, _>>()
        .map_err(|err| Error::internal(format!("ONNX Runtime gives a tensor of shape {shape}")).with_source(err))
}
