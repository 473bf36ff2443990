//! Which engines are here, and contestants that run them.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::variant::{Engine, Precision, Variant};
use crate::{
    entries::{Bare, Entry, Places},
    programs,
};

/// What `cargo xtask plugin libtorch` leaves in the repository's target folder.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// Folder and program of the loop over libtorch, which is compiled where libtorch is.
const BARE_LIBTORCH: &str = "bench-bare-libtorch";

/// The engines that are installed.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    places: &'a Places,
    /// OpenVINO's library for C.
    openvino: Option<PathBuf>,
    /// What is to be in the environment to compile against libtorch, and to run what was compiled.
    libtorch: Option<Vec<(&'static str, OsString)>>,
}

impl<'a> Site<'a> {
    /// Looks into the data folder and the target folder.
    pub(crate) fn find(places: &'a Places) -> Self {
        let runtime = |engine: Engine| places.home.join("runtimes").join(engine.id());
        let openvino = newest(&runtime(Engine::Openvino), |name| name.starts_with("libopenvino_c.so"));
        let has_plugin = places.home.join("plugins/libtorch").is_dir();
        let libtorch = newest(&runtime(Engine::Libtorch), |name| name == "libtorch_cpu.so").filter(|_| has_plugin);
        Self { places, openvino, libtorch: libtorch.and_then(|library| libtorch_environment(&library)) }
    }

    /// Threads each contestant may use.
    pub(crate) fn threads(&self) -> usize {
        self.places.threads
    }

    /// Those that are wanted and can be run; says which cannot.
    pub(crate) fn variants(&self, is_wanted: impl Fn(Variant) -> bool) -> Vec<Variant> {
        let can_run = |&variant: &Variant| {
            let missing = self.missing(variant);
            missing.inspect(|missing| println!("{variant} is left out: {missing}")).is_none()
        };
        Variant::ALL.into_iter().filter(|&variant| is_wanted(variant)).filter(can_run).collect()
    }

    /// Builds the programs that these need.
    pub(crate) fn build(&self, variants: &[Variant]) -> Result<()> {
        programs::build(["bench-drivetrain"])?;
        let needed: BTreeSet<&str> = variants.iter().map(|variant| program(variant.engine)).collect();
        let environment = self.libtorch.as_deref().unwrap_or_default();
        needed.into_iter().try_for_each(|program| {
            programs::build_with(program, if program == BARE_LIBTORCH { environment } else { &[] })
        })
    }

    /// Drivetrain; `pipeline` is what its profile says in the table `pipeline`.
    pub(crate) fn drivetrain(&self, variant: Variant, pipeline: &str) -> Entry {
        let (home, profile) = (self.places.home.clone().into(), self.profile(variant, pipeline).into());
        self.places.entry(
            &format!("{variant}, drivetrain"),
            "bench-drivetrain",
            [("--home", home), ("--profile", profile)],
        )
    }

    /// The profile of an engine in a precision.
    pub(crate) fn profile(&self, variant: Variant, pipeline: &str) -> String {
        let Places { model, threads, library, .. } = self.places;
        let (engine, precision) = (variant.engine.id(), variant.precision.name());
        let mut profile = format!(
            "model = {model:?}\nbackend = {engine:?}\nprecision = {precision:?}\nthreads = {threads}\n\
             [pipeline]\n{pipeline}\n[backends.onnxruntime]\nlibrary = {library:?}\n"
        );
        if let (Engine::Openvino, Some(library)) = (variant.engine, &self.openvino) {
            profile += &format!("[backends.openvino]\nlibrary = {library:?}\n");
            profile += &format!("int8_rest = {:?}\n", variant.precision.rest());
        }
        profile
    }

    /// The engine alone.
    pub(crate) fn bare(&self, variant: Variant, split: &Bare) -> Entry {
        let tokenizer = self.places.model.join("tokenizer.json").into();
        let graph = self.graph(variant).unwrap_or_default();
        let number = |number: usize| OsString::from(number.to_string());
        let common = [("--batch", number(split.batch)), ("--threads", number(split.threads))];
        let rest = ("--precision", variant.precision.rest().into());
        let program = program(variant.engine);
        let mut entry = match variant.engine {
            Engine::Onnxruntime => self.places.bare_on(&graph, split),
            Engine::Openvino => {
                let library = self.openvino.clone().unwrap_or_default().into();
                let streams = ("--streams", number(split.sessions));
                let own =
                    [("--library", library), ("--graph", graph.into()), ("--tokenizer", tokenizer), streams, rest];
                self.places.entry("", program, own.into_iter().chain(common))
            }
            Engine::Libtorch => {
                let model = self.places.model.clone().into();
                let own = [("--model", model), ("--sessions", number(split.sessions)), rest];
                let mut entry = self.places.entry("", program, own.into_iter().chain(common));
                entry.environment.extend(self.libtorch.clone().unwrap_or_default());
                entry
            }
        };
        if let (Engine::Openvino | Engine::Libtorch, Some((flag, value))) = (variant.engine, split.extra) {
            entry.arguments.extend([flag.into(), value.into()]);
        }
        entry.name = format!("{variant}, {}", split.name());
        entry
    }

    /// What keeps a variant from being run.
    fn missing(&self, Variant { engine, precision }: Variant) -> Option<String> {
        let installed = match engine {
            Engine::Onnxruntime => true,
            Engine::Openvino => self.openvino.is_some(),
            Engine::Libtorch => self.libtorch.is_some(),
        };
        let by_hand = match engine {
            Engine::Libtorch => "`cargo xtask plugin libtorch --home DATA_FOLDER` makes it",
            _ => "`drivetrain runtimes install` gets it",
        };
        let has_graph = || engine == Engine::Libtorch || self.graph(Variant { engine, precision }).is_some();
        match installed {
            false => Some(format!("no library, {by_hand}")),
            true if !has_graph() => Some(format!("no graph in {}, `drivetrain convert` makes it", precision.name())),
            true => None,
        }
    }

    /// The graph that a loop runs, where there is one.
    fn graph(&self, Variant { engine, precision }: Variant) -> Option<PathBuf> {
        let (onnx, openvino) = (self.places.model.join("onnx"), self.places.model.join("openvino"));
        match (engine, precision) {
            (Engine::Libtorch, _) => None,
            (_, Precision::F32 | Precision::Bf16) => Some(self.places.graph.clone()),
            (Engine::Onnxruntime, _) => {
                file_in(&onnx, |name| name.starts_with("model_qint8_") && name != "model_qint8_static.onnx")
            }
            (Engine::Openvino, _) => file_in(&openvino, |name| name == "openvino_model_qint8_quantized.xml"),
        }
    }
}

fn program(engine: Engine) -> &'static str {
    match engine {
        Engine::Onnxruntime => "bench-bare-ort",
        Engine::Openvino => "bench-bare-openvino",
        Engine::Libtorch => BARE_LIBTORCH,
    }
}

/// The variables torch-sys looks at, which are those of this process or what the repository's own build of the plugin
/// has, and the one that lets a program find `library`.
fn libtorch_environment(library: &Path) -> Option<Vec<(&'static str, OsString)>> {
    let target = Path::new(TARGET).canonicalize().ok()?;
    let link = env::var_os("LIBTORCH").map_or_else(|| target.join("libtorch/link"), PathBuf::from);
    let version = fs::read_to_string(link.join("build-version")).ok()?;
    let headers = target.join("fetched/runtimes/libtorch-headers").join(version.trim());
    let include = env::var_os("LIBTORCH_INCLUDE").unwrap_or_else(|| headers.into());
    let lib = env::var_os("LIBTORCH_LIB").unwrap_or_else(|| link.clone().into());
    let libraries = library.parent()?.to_path_buf();
    Path::new(&include).is_dir().then(|| {
        vec![
            ("LIBTORCH", link.into()),
            ("LIBTORCH_INCLUDE", include),
            ("LIBTORCH_LIB", lib),
            ("LD_LIBRARY_PATH", libraries.into()),
        ]
    })
}

/// The library of the newest version in the folder of a runtime.
fn newest(runtime: &Path, is_library: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let numbers = |folder: &Path| -> Vec<u64> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split('.').map_while(|number| number.parse().ok()).collect()
    };
    let versions = fs::read_dir(runtime).ok()?.filter_map(|version| Some(version.ok()?.path()));
    let libraries =
        versions.filter_map(|version| Some((numbers(&version), file_in(&version.join("lib"), &is_library)?)));
    libraries.max().map(|(_, library)| library)
}

/// The first file of a folder with such a name.
fn file_in(folder: &Path, is_it: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).ok()?.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_is_the_one_with_the_highest_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for (version, file) in [("2.9.0", "a.so"), ("2.13.0", "a.so"), ("3.0.0", "b.so"), (".part", "a.so")] {
            let lib = folder.path().join(version).join("lib");
            fs::create_dir_all(&lib).unwrap();
            fs::write(lib.join(file), "").unwrap();
        }
        let found = |name: &str| newest(folder.path(), |file| file == name);
        assert_eq!(found("a.so"), Some(folder.path().join("2.13.0/lib/a.so")));
        assert_eq!(found("c.so"), None);
        assert_eq!(newest(&folder.path().join("none"), |_| true), None);
    }
}
