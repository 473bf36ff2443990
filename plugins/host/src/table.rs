//! A plugin's table: checked once, copied, and counted with every call.

use std::sync::atomic::{AtomicU64, Ordering};

use drivetrain_contract::{Error, Result};
use drivetrain_plugin_abi::{DT_ABI_LEVEL, DtEntryV1, DtError, DtPlugin};

use crate::{
    error::{broken, read},
    services::HOST,
    sized,
    text::text,
};

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
        let raw = unsafe { sized::read(found, id) }?;
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
                version: text(self.raw.version).into_owned(),
                vendor: text(self.raw.vendor).into_owned(),
                license: text(self.raw.license).into_owned(),
                config_schema_json: text(self.raw.config_schema_json).into_owned(),
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
        let found = unsafe { text(raw.id) };
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
