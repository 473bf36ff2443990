//! A plugin's table: checked once, copied, and counted with every call.

use std::{
    ptr, slice,
    sync::atomic::{AtomicU64, Ordering},
};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_abi::{DT_ABI_LEVEL, DtEntryV1, DtError, DtPlugin, DtStr};

use crate::{
    error::{broken, read},
    services::HOST,
};

/// No table grows this large: a size beyond it is a sign that the memory is not a table.
const ABSURD_SIZE: usize = 64 << 10;
/// Everything up to `run` must be there; what follows is optional.
const REQUIRED_SIZE: usize = std::mem::offset_of!(DtPlugin, run) + size_of::<usize>();

/// A checked table. Functions the plugin does not have are `None`.
#[derive(Debug)]
pub(crate) struct Table {
    raw: DtPlugin,
    calls: AtomicU64,
}

// SAFETY: the table is plain data in static storage of a library that is never unloaded, and the interface lets its
// functions be called from any thread.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl Table {
    /// Asks an entry for its table and checks it.
    ///
    /// # Errors
    /// What the entry said, or what is wrong with the table.
    pub(crate) fn load(entry: DtEntryV1, id: &str) -> Result<Self> {
        let mut err = DtError::new();
        // SAFETY: the service table lives as long as the process, the buffer as long as the call.
        let found = unsafe { entry(HOST.table(), &mut err) };
        if found.is_null() {
            return Err(match err.code {
                0 => broken(id, "returned no table and gave no reason"),
                code => read(id, code, &err),
            });
        }
        // SAFETY: the interface promises a table in static storage whose first field is its size.
        let raw = unsafe { copy_table(found, id) }?;
        Self { raw, calls: AtomicU64::new(0) }.checked(id)
    }

    /// The functions, for one call, which is counted.
    pub(crate) fn functions(&self) -> &DtPlugin {
        self.calls.fetch_add(1, Ordering::Relaxed);
        &self.raw
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Version of the adapter, its maker, its licence and the schema of its settings.
    pub(crate) fn about(&self) -> About {
        // SAFETY: the interface promises text in static storage, and the library is never unloaded.
        unsafe {
            About {
                version: static_text(self.raw.version),
                vendor: static_text(self.raw.vendor),
                license: static_text(self.raw.license),
                config_schema_json: static_text(self.raw.config_schema_json),
            }
        }
    }

    /// Level the plugin was built with.
    pub(crate) fn abi_level(&self) -> u32 {
        self.raw.abi_level
    }

    fn checked(self, id: &str) -> Result<Self> {
        let raw = &self.raw;
        if raw.min_host_level > DT_ABI_LEVEL {
            return Err(Error::unsupported(format!(
                "plugin `{id}` needs plugin interface level {}, this program has {DT_ABI_LEVEL}",
                raw.min_host_level
            ))
            .with_hint("update drivetrain"));
        }
        let required = [
            ("open", raw.open.is_some()),
            ("close", raw.close.is_some()),
            ("probe", raw.probe.is_some()),
            ("session_create", raw.session_create.is_some()),
            ("session_destroy", raw.session_destroy.is_some()),
            ("session_info", raw.session_info.is_some()),
            ("output_shape", raw.output_shape.is_some()),
            ("run", raw.run.is_some()),
        ];
        if let Some((name, _)) = required.iter().find(|(_, present)| !present) {
            return Err(broken(id, format!("has no function `{name}`")));
        }
        // SAFETY: as in `about`.
        let found = unsafe { static_text(raw.id) };
        if found != id {
            return Err(broken(id, format!("calls itself `{found}`, its manifest `{id}`")));
        }
        Ok(self)
    }
}

/// What a plugin says of itself.
pub(crate) struct About {
    pub(crate) version: String,
    pub(crate) vendor: String,
    pub(crate) license: String,
    pub(crate) config_schema_json: String,
}

/// Copies as much of the table as the plugin has; what it lacks stays zero, which is `None`.
///
/// # Safety
/// `table` points to a table whose `struct_size`, if it is sane, is true.
unsafe fn copy_table(table: *const DtPlugin, id: &str) -> Result<DtPlugin> {
    if !table.is_aligned() {
        return Err(broken(id, "returned a misaligned table"));
    }
    // SAFETY: promised by the caller.
    let size = unsafe { ptr::addr_of!((*table).struct_size).read() } as usize;
    if size < REQUIRED_SIZE {
        return Err(broken(id, format!("has a table of {size} bytes, too small: {REQUIRED_SIZE} are needed")));
    }
    if size > ABSURD_SIZE {
        return Err(broken(id, format!("has a table of {size} bytes, which is absurd")));
    }
    let mut copy = std::mem::MaybeUninit::<DtPlugin>::zeroed();
    // SAFETY: `size` bytes are there by the caller's promise, and no more than fit are copied.
    unsafe {
        let length = size.min(size_of::<DtPlugin>());
        ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast(), length);
        // Integers, pointers and optional functions: zeros are valid for each.
        Ok(copy.assume_init())
    }
}

/// # Safety
/// `text` is valid for reads, or null or empty.
unsafe fn static_text(text: DtStr) -> String {
    if text.ptr.is_null() || text.len == 0 {
        return String::new();
    }
    // SAFETY: promised by the caller.
    String::from_utf8_lossy(unsafe { slice::from_raw_parts(text.ptr.cast(), text.len) }).into_owned()
}
