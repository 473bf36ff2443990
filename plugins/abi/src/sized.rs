//! The size every struct had at its first level: no side may hand over less.

use core::mem::offset_of;

use crate::{
    DtArtifact, DtCall, DtDeviceInfo, DtError, DtEstimate, DtFormat, DtHost, DtMemory, DtModel, DtPlugin,
    DtSessionDesc, DtSessionInfo, DtSink, DtTensor,
};

/// A struct of the interface that begins with `struct_size`.
///
/// Sealed, because a reader leaves zero what the other side does not have: all of them are plain data (integers, floats,
/// pointers, optional functions), of which zeros are a value.
pub trait SizedStruct: Copy + sealed::Sealed {
    /// Name in the header and in messages.
    const NAME: &'static str;
    /// Bytes up to the end of the last field that level 1 requires. Less is an error; what lies beyond is optional.
    const V1_SIZE: usize;
}

mod sealed {
    pub trait Sealed {}
}

/// Size of a field's type; the function is only asked for its type.
const fn size_of_field<T, F>(_field: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! until {
    ($($type:ident . $last:ident),* $(,)?) => {$(
        impl sealed::Sealed for $type {}

        impl SizedStruct for $type {
            const NAME: &'static str = stringify!($type);
            const V1_SIZE: usize = offset_of!($type, $last) + size_of_field(|raw: &$type| &raw.$last);
        }
    )*};
}

until! {
    DtArtifact.precision,
    DtCall.timeout_ns,
    DtDeviceInfo.reason,
    DtError.msg,
    DtEstimate.reason,
    DtFormat.precisions,
    DtHost.log_enabled,
    DtMemory.peak_activation,
    DtModel.description_json,
    DtPlugin.run,
    DtSessionDesc.reserved,
    DtSessionInfo.threads,
    DtSink.engine_version,
    DtTensor.release,
}
