//! Stored numbers as 32-bit floats.

use drivetrain_contract::{Error, Result};
use half::{bf16, f16};
use safetensors::Dtype;

/// Appends the numbers in `bytes`, which are little-endian, to `out`.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Unsupported`] for a type that does not stand for real numbers.
pub(super) fn append_f32(dtype: Dtype, bytes: &[u8], out: &mut Vec<f32>) -> Result<()> {
    match dtype {
        Dtype::F32 => append(bytes, out, f32::from_le_bytes),
        Dtype::F16 => append(bytes, out, |number| f16::from_le_bytes(number).to_f32()),
        Dtype::BF16 => append(bytes, out, |number| bf16::from_le_bytes(number).to_f32()),
        Dtype::F64 => append(bytes, out, |number| f64::from_le_bytes(number) as f32),
        Dtype::I8 => append(bytes, out, |number| f32::from(i8::from_le_bytes(number))),
        other => return Err(Error::unsupported(format!("weights of type {other} cannot be read as numbers"))),
    }
    Ok(())
}

fn append<const SIZE: usize>(bytes: &[u8], out: &mut Vec<f32>, read: impl Fn([u8; SIZE]) -> f32) {
    let (numbers, _) = bytes.as_chunks::<SIZE>();
    out.extend(numbers.iter().map(|&number| read(number)));
}
