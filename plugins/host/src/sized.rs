//! A plugin's structs, copied by the size they say they have.
//!
//! A reference to one would claim all the bytes this host was built with, and a plugin may have fewer.

use std::{mem::MaybeUninit, ptr};

use drivetrain_contract::Result;
use drivetrain_plugin_abi::SizedStruct;

use crate::error::broken;

/// No struct grows this large: a size beyond it is a sign that the memory is not one.
const ABSURD_SIZE: usize = 64 << 10;

/// Copies a struct of a plugin's; what the plugin does not have is zero, which is `None` for a function.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Abi`] for null, for a size that cannot be right, and for less than level 1 has.
///
/// # Safety
/// `raw` is null or valid for reads of as many bytes as its first field says, if that is a sane number.
pub(crate) unsafe fn read<T: SizedStruct>(raw: *const T, plugin: &str) -> Result<T> {
    let wrong = |what: String| Err(broken(plugin, format!("has a `{}` {what}", T::NAME)));
    if raw.is_null() || !raw.is_aligned() {
        return wrong("at an address that is null or misaligned".to_owned());
    }
    // SAFETY: promised by the caller; by the rules of the interface the size comes first and is always there.
    let size = unsafe { raw.cast::<u32>().read() } as usize;
    if size < T::V1_SIZE {
        return wrong(format!("of {size} bytes, too small: {} are needed", T::V1_SIZE));
    }
    if size > ABSURD_SIZE {
        return wrong(format!("of {size} bytes, which is absurd"));
    }
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes are there by the caller's promise, no more than fit are copied, and of every `SizedStruct`
    // zeros are a value.
    unsafe {
        ptr::copy_nonoverlapping(raw.cast::<u8>(), copy.as_mut_ptr().cast(), size.min(size_of::<T>()));
        Ok(copy.assume_init())
    }
}
