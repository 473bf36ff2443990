//! The host's structs, copied in and out by the size they say they have.
//!
//! A reference to one would claim all the bytes this plugin was built with, and a host may have fewer.

use std::{mem::MaybeUninit, ptr};

use drivetrain_contract::Result;
use drivetrain_plugin_abi::SizedStruct;

use crate::read::broken;

/// Copies a struct of the host's; what the host does not have is zero.
///
/// # Errors
/// [`drivetrain_contract::ErrorKind::Abi`] for null and for less than level 1 has.
///
/// # Safety
/// `raw` is null or valid for reads of as many bytes as its first field says.
pub(crate) unsafe fn read<T: SizedStruct>(raw: *const T) -> Result<T> {
    // SAFETY: promised by the caller.
    let length = unsafe { common_length(raw) }?;
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `length` bytes are there on both sides, and of every `SizedStruct` zeros are a value.
    unsafe {
        ptr::copy_nonoverlapping(raw.cast::<u8>(), copy.as_mut_ptr().cast(), length);
        Ok(copy.assume_init())
    }
}

/// Copies `value` into a struct of the host's, as far as it reaches; its `struct_size` stays.
///
/// # Errors
/// As [`read`].
///
/// # Safety
/// `out` is null or valid for reads and writes of as many bytes as its first field says.
pub(crate) unsafe fn write<T: SizedStruct>(value: &T, out: *mut T) -> Result<()> {
    const BEHIND_SIZE: usize = size_of::<u32>();
    // SAFETY: promised by the caller.
    let length = unsafe { common_length(out) }?;
    let from = ptr::from_ref(value).cast::<u8>();
    // SAFETY: `length` bytes are there on both sides, level 1 has more than the size, and `value` is not the host's.
    unsafe {
        ptr::copy_nonoverlapping(from.add(BEHIND_SIZE), out.cast::<u8>().add(BEHIND_SIZE), length - BEHIND_SIZE);
    }
    Ok(())
}

/// Bytes that both sides have of a struct.
///
/// # Safety
/// `raw` is null or begins with its size.
unsafe fn common_length<T: SizedStruct>(raw: *const T) -> Result<usize> {
    if raw.is_null() {
        return Err(broken(format!("a `{}` is null", T::NAME)));
    }
    // SAFETY: promised by the caller; by the rules of the interface the size comes first and is always there.
    let size = unsafe { raw.cast::<u32>().read_unaligned() } as usize;
    if size < T::V1_SIZE {
        return Err(broken(format!("a `{}` has {size} bytes, too small: {} are needed", T::NAME, T::V1_SIZE)));
    }
    Ok(size.min(size_of::<T>()))
}

#[cfg(test)]
mod tests {
    use drivetrain_plugin_abi::{DtCall, DtMemory};

    use super::*;

    /// A struct as a host of a later level has it.
    #[repr(C)]
    struct Later {
        memory: DtMemory,
        added: u64,
    }

    fn memory(struct_size: usize) -> DtMemory {
        let struct_size = struct_size as u32;
        DtMemory { struct_size, reserved: 0, host_private: 1, host_mapped: 2, device: 3, peak_activation: 4 }
    }

    #[test]
    fn what_both_sides_have_is_copied_and_nothing_else() {
        let mut later = Later { memory: memory(size_of::<Later>()), added: 7 };
        // SAFETY: the struct is as large as it says.
        assert_eq!(unsafe { read(&raw const later.memory) }.unwrap().peak_activation, 4);
        let value = DtMemory { host_private: 5, peak_activation: 6, ..memory(size_of::<DtMemory>()) };
        // SAFETY: as above.
        unsafe { write(&value, (&raw mut later).cast::<DtMemory>()) }.unwrap();
        assert_eq!((later.memory.host_private, later.memory.peak_activation, later.added), (5, 6, 7));
        assert_eq!(later.memory.struct_size as usize, size_of::<Later>(), "the size is the host's to say");
    }

    #[test]
    fn null_and_less_than_level_1_are_errors() {
        // SAFETY: null is allowed.
        let err = unsafe { read::<DtCall>(ptr::null()) }.unwrap_err();
        assert_eq!(err.message(), "a `DtCall` is null");
        let mut short = memory(size_of::<DtMemory>() - 1);
        // SAFETY: the struct is larger than it says.
        let err = unsafe { write(&memory(size_of::<DtMemory>()), &raw mut short) }.unwrap_err();
        assert_eq!(err.message(), "a `DtMemory` has 39 bytes, too small: 40 are needed");
        assert_eq!(short.peak_activation, 4);
        // Only the first field is there at all: a read of more would be seen by a memory checker.
        let size = Box::new(4u32);
        // SAFETY: the size is there and true.
        assert!(unsafe { read(ptr::from_ref(size.as_ref()).cast::<DtMemory>()) }.is_err());
    }
}
