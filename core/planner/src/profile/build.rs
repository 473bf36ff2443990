//! Layers become a profile: each value is parsed, of the whole and of each side.

use std::{collections::BTreeMap, path::PathBuf};

use drivetrain_contract::{Precision, Result};
use serde_json::{Map, Value};

use crate::profile::{
    Layer, Side, Sourced,
    settings::{
        Accuracy, AllowBackends, AllowDevices, AllowEmulated, Amount, ArtifactsSetting, Backend, BatchInvariant,
        BatchTokens, Choice, DenyBackends, DenyDevices, Device, Disk, Frozen, GoalSetting, Limits, MaxBatch, MaxLoss,
        Memory, MinCosine, Model, Pairs, Pipeline, Planning, Plugins, PrecisionSetting, RulesSetting, Sample, Sessions,
        TextLengthSetting, Threads, TokenizerThreads, TuneSeconds, TuneSetting, Window, Workload,
    },
    side::OneSide,
    values::{Settled, Values},
};

/// What the user wants, every setting with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// `builtin`, a path, or the name of an installed model.
    pub model: Sourced<String>,
    /// Which backend runs it.
    pub backend: Sourced<Choice>,
    /// Which of the backend's devices.
    pub device: Sourced<Choice>,
    /// Precision to compute in; `None` leaves it to the planner.
    pub precision: Sourced<Option<Precision>>,
    /// Whether a precision will do that the device computes in another one.
    pub allow_emulated: Sourced<bool>,
    /// Threads to compute with; `auto` is as many as the process may use.
    pub threads: Sourced<Amount>,
    /// Folders that hold plugins.
    pub plugins: Sourced<Vec<PathBuf>>,
    /// What there is to do.
    pub workload: Workload,
    /// What speed may cost.
    pub accuracy: Accuracy,
    /// What may be used.
    pub limits: Limits,
    /// How the choice is made.
    pub plan: Planning,
    /// How texts become batches.
    pub pipeline: Pipeline,
    /// Settings of the backends: id, key, value.
    pub backends: BTreeMap<String, BTreeMap<String, Sourced<Value>>>,
    /// Sides with settings of their own.
    pub(crate) sides: BTreeMap<Side, OneSide>,
    /// Whether it is one side's and the other names another precision.
    pub(crate) is_apart: bool,
    /// The side of a search that it is of, if it is of one.
    pub(crate) side: Option<Side>,
}

impl Profile {
    /// The default profile with `layers` over it, later ones winning.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for an unknown key, with the nearest known one, a value of the wrong
    /// type, and a setting that a side cannot have of its own; each names the place.
    pub fn build(layers: &[Layer]) -> Result<Self> {
        let defaults = Layer::defaults();
        let Settled { whole, sides } = Settled::new(std::iter::once(&defaults).chain(layers))?;
        let mut profile = Self::of(&whole)?;
        for (side, own) in sides {
            let one = Self::of(&own.over(&whole))?;
            profile.sides.insert(side, own.into_side(one));
        }
        Ok(profile)
    }

    fn of(values: &Values<'_>) -> Result<Self> {
        Ok(Self {
            model: values.take::<Model>()?,
            backend: values.take::<Backend>()?,
            device: values.take::<Device>()?,
            precision: values.take::<PrecisionSetting>()?,
            allow_emulated: values.take::<AllowEmulated>()?,
            threads: values.take::<Threads>()?,
            plugins: values.take::<Plugins>()?,
            workload: Workload {
                goal: values.take::<GoalSetting>()?,
                text_length: values.take::<TextLengthSetting>()?,
                sample: values.take::<Sample>()?,
            },
            accuracy: Accuracy {
                max_loss: values.take::<MaxLoss>()?,
                min_cosine: values.take::<MinCosine>()?,
                pairs: values.take::<Pairs>()?,
                batch_invariant: values.take::<BatchInvariant>()?,
            },
            limits: Limits {
                memory: values.take::<Memory>()?,
                disk: values.take::<Disk>()?,
                allow_backends: values.take::<AllowBackends>()?,
                deny_backends: values.take::<DenyBackends>()?,
                allow_devices: values.take::<AllowDevices>()?,
                deny_devices: values.take::<DenyDevices>()?,
            },
            plan: Planning {
                rules: values.take::<RulesSetting>()?,
                artifacts: values.take::<ArtifactsSetting>()?,
                tune: values.take::<TuneSetting>()?,
                tune_seconds: values.take::<TuneSeconds>()?,
                frozen: values.take::<Frozen>()?,
            },
            pipeline: Pipeline {
                batch_tokens: values.take::<BatchTokens>()?,
                max_batch: values.take::<MaxBatch>()?,
                window: values.take::<Window>()?,
                sessions: values.take::<Sessions>()?,
                tokenizer_threads: values.take::<TokenizerThreads>()?,
            },
            backends: values.backends(),
            sides: BTreeMap::new(),
            is_apart: false,
            side: None,
        })
    }

    /// The table `[backends.<id>]` as the backend gets it.
    pub fn backend_config(&self, id: &str) -> Map<String, Value> {
        let table = self.backends.get(id).into_iter().flatten();
        table.map(|(key, sourced)| (key.clone(), sourced.value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::profile::Origin;

    fn build(text: &str) -> Result<Profile> {
        Profile::build(&[Layer::text(text)?])
    }

    fn check_refused(text: &str, expected: &str) {
        let message = build(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{text:?} gave {message:?}");
    }

    #[test]
    fn the_default_profile_is_whole() {
        let profile = Profile::build(&[]).unwrap();
        assert_eq!(profile.model.value, "builtin");
        assert_eq!(profile.backend.value, Choice::Auto);
        assert_eq!(profile.threads.value, Amount::Auto);
        assert_eq!(profile.precision.origin, Origin::Default);
        assert_eq!(profile.pipeline.sessions.value, Amount::Auto);
        assert!(profile.backends.is_empty());
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let mut flags = Layer::default();
        flags.set("threads", 3, Origin::Flag("--threads"));
        let file = Layer::text("threads = 2\nmodel = \"m\"\n[backends.e]\na = 1\nb = { c = [1.5, true] }").unwrap();
        let profile = Profile::build(&[file, flags]).unwrap();
        assert_eq!(profile.threads.value, Amount::Count(NonZeroUsize::new(3).unwrap()));
        assert_eq!(profile.threads.origin, Origin::Flag("--threads"));
        assert_eq!(profile.model.origin, Origin::Program);
        assert_eq!(Value::Object(profile.backend_config("e")).to_string(), r#"{"a":1,"b":{"c":[1.5,true]}}"#);
        assert!(profile.backend_config("other").is_empty());
    }

    /// From the weakest to the strongest; each overrules the one before in one setting.
    #[test]
    fn every_kind_of_layer_can_be_stacked() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let system = file("system.toml", "inherits = \"latency\"\nmodel = \"a\"\nbackend = \"a\"\ndevice = \"a\"");
        let project = file("drivetrain.toml", "backend = \"b\"\ndevice = \"b\"\nprecision = \"bf16\"\nthreads = 1");
        let variables = ["DEVICE=c", "PRECISION=f16", "THREADS=2", "PIPELINE__WINDOW=2"];
        let variables = variables.map(|text| text.split_once('=').unwrap());
        let variables = variables.map(|(name, value)| (format!("DRIVETRAIN_{name}"), value.into()));
        let named = file("named.toml", "precision = \"int8\"\nthreads = 3\n[pipeline]\nwindow = 3");
        let mut flags = Layer::default();
        flags.set("pipeline.window", 5, Origin::Flag("--window"));
        let profile = Profile::build(&[
            Layer::standing_file(&system).unwrap(),
            Layer::project_file(&project).unwrap(),
            crate::profile::Variables::new(variables).unwrap().layer,
            Layer::file(&named).unwrap(),
            Layer::typed("threads=4").unwrap(),
            Layer::typed("pipeline.window=4").unwrap(),
            flags,
        ])
        .unwrap();
        assert_eq!(profile.pipeline.sessions.origin, Origin::Shipped("latency"));
        assert_eq!(profile.model.value, "a");
        assert_eq!(profile.backend.value, Choice::Named("b".to_owned()));
        assert_eq!(profile.device.value, Choice::Named("c".to_owned()));
        assert_eq!(profile.precision.value, Some(Precision::Int8));
        assert_eq!((profile.threads.value.show(), &profile.threads.origin), (4.into(), &Origin::Set));
        assert_eq!(profile.pipeline.window.value.show(), 5);
        assert_eq!(profile.plugins.origin, Origin::Default);
    }

    #[test]
    fn unknown_keys_name_the_nearest_known_one() {
        check_refused("modell = \"x\"", "unknown setting `modell` (hint: did you mean `model`?)");
        check_refused("[backend.onnxruntime]\nx = 1", "unknown setting `backend.onnxruntime.x`");
        check_refused("zzz = 1", "the settings are model, backend");
        check_refused("[pipeline]\nbatch_token = 1", "did you mean `pipeline.batch_tokens`?");
        check_refused("pipelin.window = 1", "did you mean `pipeline.window`?");
        check_refused("[pipelin]", "unknown setting `pipelin`");
        check_refused("[pipeline.window]\nn = 1", "unknown setting `pipeline.window.n`");
    }

    #[test]
    fn wrong_values_say_what_is_wanted() {
        check_refused("threads = 0", "`threads`");
        check_refused("threads = \"many\"", "`threads`");
        check_refused("precision = \"fp32\"", "unknown precision `fp32`");
        check_refused("model = 1", "must be text");
        check_refused("allow_emulated = 1", "`allow_emulated`: must be `true` or `false`, not `1`");
        check_refused("plugins = \"/x\"", "must be a list");
        check_refused("plugins = [\"relative\"]", "absolute");
        check_refused("backends = 1", "must be a table");
        check_refused("backends.e = 1", "must be a table");
        check_refused("pipeline = \"auto\"", "`pipeline` must be a table (hint: write `[pipeline]`");
        check_refused("[pipeline]\nwindow = {}", "`pipeline.window`: must be `auto` or a number");
        check_refused("threads = 99999999999999999999", "out of range");
    }

    #[test]
    fn empty_tables_of_known_names_say_nothing() {
        let profile = build("[pipeline]\n[backends]\n[backends.e]").unwrap();
        assert_eq!(profile, Profile::build(&[]).unwrap());
    }

    #[test]
    fn broken_toml_names_line_and_column() {
        check_refused("model = \"a\"\nthreads = = 2", "`profile`:2:");
    }
}
