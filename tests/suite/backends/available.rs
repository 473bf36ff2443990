//! Which backends there are, as the program says.

use std::sync::LazyLock;

use drivetrain_tests::{Program, Rig, skip};
use serde_json::Value;

/// Every backend of this project.
const ALL: [&str; 4] = ["libtorch", "onnxruntime", "openvino", "static"];

/// A backend that works here.
#[derive(Clone, Debug)]
pub(super) struct Available {
    pub(super) id: String,
    /// The precisions its first device computes in, of those that a model in f32 can be run in.
    pub(super) precisions: Vec<&'static str>,
    formats: Vec<String>,
}

impl Available {
    /// Whether it runs transformers; the others have tables of vectors.
    pub(super) fn runs_transformers(&self) -> bool {
        self.formats.iter().any(|format| format == "onnx" || format == "safetensors")
    }

    /// Whether it can run a fixture of this name.
    pub(super) fn runs(&self, fixture: &str) -> bool {
        match fixture.starts_with("static-") {
            true => self.formats.iter().any(|format| format == "static"),
            false => self.runs_transformers(),
        }
    }
}

static AVAILABLE: LazyLock<Vec<Available>> = LazyLock::new(|| {
    let Some(rig) = Rig::new() else { return Vec::new() };
    let doctor = Program::drivetrain(&rig).args(["doctor", "--json"]).env("DRIVETRAIN_PLUGIN_PATH", rig.plugins());
    let report: Value = serde_json::from_str(&doctor.run().succeeded().stdout).expect("JSON");
    let engines = report["engines"].as_array().expect("engines");
    for id in ALL {
        let engine = engines.iter().find(|engine| engine["id"] == id).unwrap_or(&Value::Null);
        if engine["state"] != "ok" {
            skip(&format!("`{id}` is not there: {}, {}", engine["lacks"], report["troubles"]));
        }
    }
    engines.iter().filter(|engine| engine["state"] == "ok").map(of_report).collect()
});

fn of_report(engine: &Value) -> Available {
    let probe = &engine["probe"];
    let native = probe["devices"][0]["precisions_native"].as_str().expect("precisions");
    let computes_in = |name: &&str| native.split(" | ").any(|flag| flag.eq_ignore_ascii_case(name));
    let formats = probe["formats"].as_array().expect("formats").iter();
    Available {
        id: engine["id"].as_str().expect("an id").to_owned(),
        precisions: ["f32", "bf16", "f16"].into_iter().filter(computes_in).collect(),
        formats: formats.filter_map(|format| Some(format["format"].as_str()?.to_owned())).collect(),
    }
}

/// The backends that work here, by name; in CI all must.
pub(super) fn available() -> &'static [Available] {
    &AVAILABLE
}

/// Those of them that run transformers.
pub(super) fn transformers() -> Vec<&'static str> {
    AVAILABLE.iter().filter(|backend| backend.runs_transformers()).map(|backend| backend.id.as_str()).collect()
}
