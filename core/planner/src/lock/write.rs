//! Locks as text, and as files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Display, Write as _},
    io::Write as _,
    path::Path,
};

use drivetrain_contract::{Error, Result};
use serde_json::Value;

use super::{Lock, LockedEngine, LockedFile, LockedGpu, LockedMachine, LockedModel, LockedPlan, read::VERSION};
use crate::rules::device_word;

impl Lock {
    /// The text of the file: TOML, in an order that is always the same.
    pub fn to_toml(&self) -> String {
        let mut text = Text::new();
        text.line("version", VERSION);
        text.model(&self.model);
        text.plan(&self.plan);
        text.engine(&self.engine);
        text.machine(&self.machine);
        if !self.measured.is_empty() {
            text.table("measured");
            self.measured.iter().for_each(|(name, figure)| text.line(&key(name), number(*figure)));
        }
        // The longest last.
        text.files(&self.model);
        text.0
    }

    /// Writes the file, which is there when it is whole.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let unwritable = |err| Error::io(format!("cannot write `{}`", path.display())).with_source(err);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".drivetrain-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As for any new file, the user's mask takes from this what it wants.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder).map_err(unwritable)?;
        file.write_all(self.to_toml().as_bytes()).map_err(unwritable)?;
        file.as_file().sync_all().map_err(unwritable)?;
        file.persist(path).map_err(|err| unwritable(err.error))?;
        Ok(())
    }
}

/// A document that grows.
struct Text(String);

impl Text {
    fn new() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        Self(format!(
            "# How a model is run here, and what that depends on. Written by drivetrain {version}; `drivetrain plan --lock`\n\
             # renews it.\n"
        ))
    }

    fn model(&mut self, model: &LockedModel) {
        self.table("model");
        self.line("name", quoted(&model.name));
        self.line("task", quoted(&model.task));
    }

    fn plan(&mut self, plan: &LockedPlan) {
        self.table("plan");
        self.line("backend", quoted(&plan.backend));
        self.line("device", quoted(&plan.device));
        self.line("kind", quoted(device_word(plan.kind)));
        self.line("precision", quoted(plan.precision.name()));
        self.line("file", quoted(&plan.file));
        self.line("format", quoted(&plan.format));
        self.line("stored", quoted(plan.stored.name()));
        self.line("goal", quoted(plan.goal.name()));
        self.line("sessions", plan.sessions);
        self.line("threads", plan.threads);
        self.line_if("batch_tokens", plan.batch_tokens);
        self.line("memory_bytes", plan.memory_bytes);
    }

    fn engine(&mut self, engine: &LockedEngine) {
        self.table("engine");
        self.line("plugin", quoted(&engine.plugin));
        self.line_if("version", engine.version.as_deref().map(quoted));
        if !engine.settings.is_empty() {
            self.line("settings", inline(&Value::Object(engine.settings.clone())));
        }
    }

    fn machine(&mut self, machine: &LockedMachine) {
        let words = |set: &BTreeSet<String>| set.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", ");
        self.table("machine");
        self.line("platform", quoted(&machine.platform));
        self.line_if("cpu_vendor", machine.cpu_vendor.as_deref().map(quoted));
        self.line_if("cpu_model", machine.cpu_model.as_deref().map(quoted));
        self.line_if("cpu_id", machine.cpu_id.as_deref().map(quoted));
        self.line_if("isa", machine.isa.as_ref().map(|isa| format!("[{}]", words(isa))));
        self.line_if("cpus", machine.cpus.map(number));
        self.line_if("cores", machine.cores);
        self.line_if("memory_bytes", machine.memory_bytes);
        if let Some(LockedGpu { name, driver }) = &machine.gpu {
            self.table("machine.gpu");
            self.line("name", quoted(name));
            self.line_if("driver", driver.as_deref().map(quoted));
        }
    }

    fn files(&mut self, model: &LockedModel) {
        self.table("model.files");
        for (path, LockedFile { bytes, sha256 }) in &model.files {
            self.line(&quoted(path), format_args!("{{ bytes = {bytes}, sha256 = \"{sha256}\" }}"));
        }
    }

    fn table(&mut self, name: &str) {
        // To write to a text cannot fail.
        let _ = writeln!(self.0, "\n[{name}]");
    }

    fn line(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn line_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(key, value);
        }
    }
}

/// A basic string, whose escapes are those of JSON and one more (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A key, bare where it may be.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn number(number: f64) -> String {
    // TOML has `inf` and `nan` in lower case, and wants a point in what is whole.
    format!("{number:?}").to_lowercase()
}

/// A value on one line. Nothing is no value of TOML, and is left out of lists and tables.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter(|item| !item.is_null()).map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            let members: Vec<String> =
                members.into_iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}
