//! Tensors between the contract and the engine: floats copied once and widened.
//!
//! Results are copied instead of being computed into the caller's memory: a request keeps pointing at memory that it
//! was lent for a result, and would write there in a later run that does not want that result.

use drivetrain_contract::{Error, OutputMut, Result};

use crate::{
    error,
    native::{Elements, Output},
};

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
