//! The one device: the processor.

use drivetrain_contract::{Capabilities, Device, Error, Precisions, Result};

/// What every session of this backend can do.
///
/// Each text is tokenised and summed by one thread in the order of its tokens, so neither the neighbours in the batch
/// nor the number of threads change a bit of the result.
pub(crate) const CAPABILITIES: Capabilities = Capabilities::TEXT_IN
    .union(Capabilities::POOLED_OUT)
    .union(Capabilities::DYNAMIC_BATCH)
    .union(Capabilities::DYNAMIC_LENGTH)
    .union(Capabilities::MULTI_INSTANCE)
    .union(Capabilities::HONOURS_THREADS)
    .union(Capabilities::CANCEL_MID_RUN)
    .union(Capabilities::DETERMINISTIC)
    .union(Capabilities::BATCH_INVARIANT);

const CPU: &str = "cpu";

/// The processor. Sums are taken in f32; tables stored in less are widened row by row.
pub(crate) fn cpu() -> Device {
    Device {
        precisions_emulated: Precisions::F16 | Precisions::I8,
        ..Device::cpu("processor", Precisions::F32, CAPABILITIES)
    }
}

/// Fails for any device but the processor.
pub(crate) fn check(device_id: &str) -> Result<()> {
    if device_id == CPU {
        return Ok(());
    }
    Err(Error::not_found(format!("backend `static` has no device `{device_id}`")).with_hint("its only device is `cpu`"))
}
