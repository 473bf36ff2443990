//! Tensors whose numbers lie in another order than row by row, as of a matrix that was transposed before it was saved.

use drivetrain_contract::Result;

use super::{header::Located, source::Source};

/// The bytes of a tensor row by row, `None` when they do not fit in memory. Everything from the first number to the
/// last is held while they are put together.
pub(super) fn gather(source: &Source, located: &Located, strides: &[u64]) -> Result<Option<Vec<u8>>> {
    let size = located.info.dtype.bitsize() / 8;
    let elements = located.info.elements();
    let (Some(mut span), Some(mut bytes)) = (room(located.n_bytes), room(elements as u64 * size as u64)) else {
        return Ok(None);
    };
    span.resize(located.n_bytes as usize, 0);
    source.read_at(&mut span, located.offset)?;
    for element in 0..elements {
        let mut rest = element;
        let axes = located.info.shape.iter().zip(strides).rev();
        let place = axes.fold(0, |place, (&extent, &stride)| {
            let idx = rest % extent;
            rest /= extent;
            place + idx * stride as usize
        });
        bytes.extend_from_slice(&span[place * size..][..size]);
    }
    Ok(Some(bytes))
}

/// An empty buffer for so many bytes.
fn room(n_bytes: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(n_bytes).ok()?).ok()?;
    Some(bytes)
}
