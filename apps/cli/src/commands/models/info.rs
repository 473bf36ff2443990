//! `drivetrain models info`: what a model is.

use drivetrain::{
    Locations, open_package,
    package::{Module, Package, hub::Record},
};
use serde_json::{Value, json};

use super::files;
use crate::output::print;

pub(crate) fn run(name: &str, locations: &Locations, json: bool) -> anyhow::Result<()> {
    let package = open_package(name, locations)?;
    let record = package.files().dir().map(Record::read).transpose()?.flatten();
    if json {
        return print(&format!("{:#}\n", as_json(&package, record.as_ref())));
    }
    print(&as_text(&package, record.as_ref()))
}

fn as_json(package: &Package, record: Option<&Record>) -> Value {
    let files: Vec<Value> =
        files::of(package.files()).into_iter().map(|(path, bytes)| json!({"path": path, "bytes": bytes})).collect();
    let prompts = package.prompts();
    json!({
        "name": package.name(),
        "folder": package.files().dir(),
        "hub": record.map(|record| json!({
            "id": record.id,
            "endpoint": record.endpoint,
            "revision": record.revision,
            "commit": record.commit,
        })),
        "task": package.task(),
        "architecture": architecture(package),
        "modules": package.modules(),
        "dim": package.dim(),
        "truncate_dim": package.truncate_dim(),
        "max_seq_length": package.max_seq_length(),
        "prompts": prompts.entries,
        "default_prompt": prompts.default_name,
        "artifacts": package.artifacts(),
        "files": files,
    })
}

fn as_text(package: &Package, record: Option<&Record>) -> String {
    let mut lines = Lines::default();
    lines.add("name", package.name());
    if let Some(folder) = package.files().dir() {
        lines.add("folder", &folder.display().to_string());
    }
    if let Some(record) = record {
        lines.add("hub", &format!("{}/{}", record.endpoint, record.id));
        lines.add("revision", &format!("{}, commit {}", record.revision, record.commit));
    }
    lines.add("task", package.task().name());
    lines.add("architecture", &architecture(package));
    let modules: Vec<String> = package.modules().iter().map(module).collect();
    lines.add("modules", &modules.join(" → "));
    lines.add_number("dim", package.dim(), "unknown");
    if package.truncate_dim().is_some() {
        lines.add_number("truncate_dim", package.truncate_dim(), "");
    }
    lines.add_number("longest text", package.max_seq_length(), "no limit");
    for (name, text) in &package.prompts().entries {
        let default = if package.prompts().default_name.as_ref() == Some(name) { " (default)" } else { "" };
        lines.add("prompt", &format!("{name} = {text:?}{default}"));
    }
    for artifact in package.artifacts() {
        lines.add("artifact", &format!("{} ({} {})", artifact.path, artifact.format, artifact.precision));
    }
    for (path, bytes) in files::of(package.files()) {
        lines.add("file", &format!("{path}  {}", files::megabytes(bytes)));
    }
    lines.text
}

/// Key and value on each line; a key is said once.
#[derive(Default)]
struct Lines {
    text: String,
    last_key: &'static str,
}

impl Lines {
    fn add(&mut self, key: &'static str, value: &str) {
        let shown = if self.last_key == key { "" } else { key };
        self.text.push_str(&format!("{shown:<14}{value}\n"));
        self.last_key = key;
    }

    fn add_number(&mut self, key: &'static str, value: Option<usize>, otherwise: &str) {
        self.add(key, &value.map_or_else(|| otherwise.to_owned(), |value| value.to_string()));
    }
}

fn architecture(package: &Package) -> String {
    match package.model_type() {
        Some(model_type) => model_type.to_owned(),
        None if package.is_static() => "static".to_owned(),
        None => "unknown".to_owned(),
    }
}

fn module(module: &Module) -> String {
    match module {
        Module::Transformer { .. } => "Transformer".to_owned(),
        Module::Pooling(pooling) => {
            let modes: Vec<&str> = pooling.modes.iter().map(|mode| mode.name()).collect();
            format!("Pooling ({})", modes.join(" + "))
        }
        Module::Dense(dense) => format!("Dense ({} → {})", dense.in_features, dense.out_features),
        Module::Normalize => "Normalize".to_owned(),
        Module::SpladePooling(_) => "SpladePooling".to_owned(),
        Module::MultiVectorMask { .. } => "MultiVectorMask".to_owned(),
        Module::StaticEmbedding(_) => "StaticEmbedding".to_owned(),
        Module::Other { type_name, .. } => format!("{type_name} (cannot be run)"),
    }
}
