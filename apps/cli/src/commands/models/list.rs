//! `drivetrain models list`: what is installed.

use std::path::Path;

use drivetrain::{
    Locations, open_package,
    package::{Files, Package, hub::Record, installed},
};
use serde_json::{Value, json};

use super::files;
use crate::output::print;

pub(crate) fn run(locations: &Locations, json: bool) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    // A build may leave it out.
    if let Ok(package) = open_package("builtin", locations) {
        rows.push(Row::new("builtin", None, Ok(package)));
    }
    for model in installed(&locations.models()) {
        rows.push(Row::new(&model.name, Some(&model.folder), Package::open(&model.folder)));
    }
    if json {
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        return print(&format!("{:#}\n", Value::from(rows)));
    }
    print(&rows.iter().map(Row::to_text).collect::<String>())
}

struct Row {
    name: String,
    folder: Option<String>,
    record: Option<Record>,
    bytes: u64,
    /// The package, or why it cannot be opened.
    package: Result<Package, String>,
}

impl Row {
    fn new(name: &str, folder: Option<&Path>, package: drivetrain::Result<Package>) -> Self {
        let record = folder.map(Record::read).transpose();
        let damage = match (&package, &record) {
            (Err(err), _) | (_, Err(err)) => Some(err.to_text()),
            (Ok(_), Ok(Some(Some(record)))) if folder.is_some_and(|folder| !record.is_complete(folder)) => {
                Some(format!("files are missing or have another size: pull it again, from {}", source(record)))
            }
            _ => None,
        };
        let files = match (&package, folder) {
            (Ok(package), _) => package.files().clone(),
            (_, Some(folder)) => Files::Dir(folder.to_owned()),
            (_, None) => Files::Memory(&[]),
        };
        Self {
            name: name.to_owned(),
            folder: folder.map(|folder| folder.display().to_string()),
            record: record.ok().flatten().flatten(),
            bytes: files::total(&files),
            package: damage.map_or_else(|| package.map_err(|err| err.to_text()), Err),
        }
    }

    fn to_json(&self) -> Value {
        let record = self.record.as_ref();
        let mut row = json!({
            "name": self.name,
            "folder": self.folder,
            "source": record.map(source),
            "endpoint": record.map(|record| &record.endpoint),
            "revision": record.map(|record| &record.revision),
            "commit": record.map(|record| &record.commit),
            "bytes": self.bytes,
        });
        match &self.package {
            Ok(package) => {
                row["task"] = json!(package.task());
                row["dim"] = json!(package.dim());
                row["artifacts"] = json!(package.artifacts());
            }
            Err(why) => row["broken"] = json!(why),
        }
        row
    }

    fn to_text(&self) -> String {
        let from = match (&self.record, &self.folder) {
            (Some(record), _) => format!("{} at {} ({})", source(record), &record.commit, record.revision),
            (None, Some(folder)) => folder.clone(),
            (None, None) => "part of the program".to_owned(),
        };
        let size = files::megabytes(self.bytes);
        let what = match &self.package {
            Ok(package) => {
                let dim = package.dim().map_or_else(String::new, |dim| format!(" to {dim} numbers"));
                let artifacts: Vec<String> = package
                    .artifacts()
                    .iter()
                    .filter(|file| file.format != drivetrain::contract::format::TOKENIZER)
                    .map(|file| format!("{} ({} {})", file.path, file.format, file.precision))
                    .collect();
                format!("{}{dim}: {}", package.task().name(), artifacts.join(", "))
            }
            Err(why) => format!("broken: {why}"),
        };
        format!("{}  {size}  {from}\n  {what}\n", self.name)
    }
}

fn source(record: &Record) -> String {
    format!("hf:{}", record.id)
}
