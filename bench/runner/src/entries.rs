//! Contestants and their settings.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};

use crate::{arguments::PlacesArguments, machine};

/// One contestant as it is started.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// Where things are, checked.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Drivetrain's data folder.
    pub(crate) home: PathBuf,
    /// The model's folder.
    pub(crate) model: PathBuf,
    /// Its graph for ONNX Runtime.
    pub(crate) graph: PathBuf,
    /// ONNX Runtime.
    pub(crate) library: PathBuf,
    /// Threads each contestant may use.
    pub(crate) threads: usize,
}

/// What a loop over ONNX Runtime can be told; everything else as is best for an unattended loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bare {
    pub(crate) batch: usize,
    pub(crate) sessions: usize,
    pub(crate) threads: usize,
    /// Name and value of one more flag.
    pub(crate) extra: Option<(&'static str, &'static str)>,
}

impl Places {
    /// From the command line.
    pub(crate) fn new(arguments: &PlacesArguments) -> Result<Self> {
        let home = std::path::absolute(&arguments.home)?;
        let model = home.join("models").join(&arguments.model);
        let version = &arguments.runtime;
        let library = format!("runtimes/onnxruntime/{version}/lib/libonnxruntime.so.{version}");
        let places = Self {
            graph: model.join("onnx/model.onnx"),
            library: home.join(library),
            threads: arguments.threads.map_or_else(machine::threads, usize::from),
            home,
            model,
        };
        for path in [&places.library, &places.graph] {
            ensure!(
                path.is_file(),
                "no file `{}`; `drivetrain runtimes install` and `convert` make it",
                path.display()
            );
        }
        Ok(places)
    }

    /// Drivetrain with a transformer.
    pub(crate) fn drivetrain(&self, profile: &str) -> Entry {
        let onnxruntime = format!("[backends.onnxruntime]\nlibrary = {:?}\n", self.library);
        let profile = format!(
            "model = {:?}\nbackend = \"onnxruntime\"\nthreads = {}\n{profile}\n{onnxruntime}",
            self.model, self.threads
        );
        let home = &self.home;
        self.entry("drivetrain", "bench-drivetrain", [("--home", home.into()), ("--profile", profile.into())])
    }

    /// Drivetrain with what it makes for OpenVINO in 8 bits, the rest in f32 and in bf16, where both are there.
    pub(crate) fn drivetrain_int8(&self) -> Vec<Entry> {
        let graph = self.model.join("openvino/openvino_model_qint8_quantized.xml");
        if !graph.is_file() || !self.home.join("runtimes/openvino").is_dir() {
            return Vec::new();
        }
        let entry = |rest: &str| {
            let profile = format!(
                "model = {:?}\nbackend = \"openvino\"\nprecision = \"int8\"\nthreads = {}\n\
                 [backends.openvino]\nint8_rest = {rest:?}\n",
                self.model, self.threads
            );
            let (name, home) = (format!("drivetrain-int8-{rest}"), &self.home);
            self.entry(&name, "bench-drivetrain", [("--home", home.into()), ("--profile", profile.into())])
        };
        ["f32", "bf16"].map(entry).into()
    }

    /// Drivetrain with a package of static embeddings.
    pub(crate) fn drivetrain_static(&self, package: &Path) -> Entry {
        let profile = format!("model = {package:?}\nbackend = \"static\"\nthreads = {}\n", self.threads);
        let home = &self.home;
        self.entry("drivetrain-static", "bench-drivetrain", [("--home", home.into()), ("--profile", profile.into())])
    }

    /// ONNX Runtime alone.
    pub(crate) fn bare(&self, bare: &Bare) -> Entry {
        self.bare_on(&self.graph, bare)
    }

    /// ONNX Runtime alone with another graph of the model.
    pub(crate) fn bare_on(&self, graph: &Path, bare: &Bare) -> Entry {
        let number = |number: usize| OsString::from(number.to_string());
        let own = [
            ("--library", self.library.clone().into()),
            ("--graph", graph.into()),
            ("--tokenizer", self.model.join("tokenizer.json").into()),
            ("--batch", number(bare.batch)),
            ("--sessions", number(bare.sessions)),
            ("--threads", number(bare.threads)),
        ];
        let extra = bare.extra.map(|(flag, value)| (flag, OsString::from(value)));
        self.entry(&bare.name(), "bench-bare-ort", own.into_iter().chain(extra))
    }

    /// fastembed-rs, with its own batch size unless another is given.
    pub(crate) fn fastembed(&self, batch: Option<usize>) -> Entry {
        let name = batch.map_or_else(|| "fastembed".to_owned(), |batch| format!("fastembed-b{batch}"));
        let own = [
            ("--model", self.model.clone().into()),
            ("--graph", self.graph.clone().into()),
            ("--threads", self.threads.to_string().into()),
        ];
        let batch = batch.map(|batch| ("--batch", OsString::from(batch.to_string())));
        self.entry(&name, "bench-fastembed", own.into_iter().chain(batch))
    }

    /// model2vec-rs with a package of static embeddings.
    pub(crate) fn model2vec(&self, package: &Path) -> Entry {
        self.entry("model2vec", "bench-model2vec", [("--model", package.into())])
    }

    /// The environment gives every contestant the same library and the same number of threads.
    pub(crate) fn entry(
        &self,
        name: &str,
        program: &'static str,
        arguments: impl IntoIterator<Item = (&'static str, OsString)>,
    ) -> Entry {
        Entry {
            name: name.to_owned(),
            program,
            arguments: arguments.into_iter().flat_map(|(flag, value)| [flag.into(), value]).collect(),
            environment: vec![
                ("ORT_DYLIB_PATH", self.library.clone().into()),
                ("ORT_DISABLE_TELEMETRY", "1".into()),
                ("RAYON_NUM_THREADS", self.threads.to_string().into()),
            ],
        }
    }
}

impl Bare {
    /// Sessions × threads and the batch, and the flag that is set beyond that.
    pub(crate) fn name(&self) -> String {
        let extra = self.extra.map(|(flag, value)| format!(" {}={value}", flag.trim_start_matches('-')));
        format!("bare {}x{} b{}{}", self.sessions, self.threads, self.batch, extra.unwrap_or_default())
    }
}
