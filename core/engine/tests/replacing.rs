//! An engine that breaks while it runs, and the next best that goes on.
#![cfg(feature = "builtin-model")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use drivetrain::{
    Engine, Error, ErrorKind, Layer, Locations, Position, Profile,
    contract::{
        Backend, BackendInfo, Batch, Call, Model, NoCall, OpenBackend, Output, OutputMut, Probe, Result, Session,
        SessionInfo, SessionOptions,
    },
};
use drivetrain_plugin::entry;
use drivetrain_plugin_abi::LinkedPlugin;
use drivetrain_static::StaticBackend;

inventory::submit! {
    LinkedPlugin {
        manifest: "manifest = 1\nid = \"brittle\"\nversion = \"0\"\nabi = { min = 1, max = 1 }\nlibrary = \"x\"\n\
                   formats = [\"static\"]",
        entry: entry::<Brittle>,
    }
}

/// Runs until all sessions break.
static RUNS_LEFT: AtomicUsize = AtomicUsize::new(0);

/// Whether one broke.
static BROKE: AtomicBool = AtomicBool::new(false);

/// The static backend, which breaks.
struct Brittle(StaticBackend);

struct BrittleSession(Box<dyn Session>);

impl OpenBackend for Brittle {
    const INFO: BackendInfo =
        BackendInfo { id: "brittle", version: "0", vendor: "tests", license: "MIT", config_schema_json: "{}" };

    fn open(config_json: &str) -> Result<Self> {
        StaticBackend::open(config_json).map(Self)
    }
}

impl Backend for Brittle {
    fn probe(&self) -> Result<Probe> {
        self.0.probe()
    }

    fn create_session(&self, model: &Model, options: &SessionOptions, call: &dyn Call) -> Result<Box<dyn Session>> {
        Ok(Box::new(BrittleSession(self.0.create_session(model, options, call)?)))
    }
}

impl Session for BrittleSession {
    fn describe(&self) -> &SessionInfo {
        self.0.describe()
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        self.0.output_shape(batch, output)
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        let left = RUNS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| {
            BROKE.store(true, Ordering::Relaxed);
            Error::new(ErrorKind::DeviceLost, "the card fell off the bus")
        })?;
        self.0.run(batch, outputs, call)
    }
}

fn engine(profile: &str) -> Engine {
    let place = std::env::temp_dir().join("drivetrain-replacing-test");
    let profile = Profile::build(&[Layer::text(profile).unwrap()]).unwrap();
    Engine::builder(&profile).locations(Locations::new(place.join("data"), place.join("cache"))).build().unwrap()
}

/// One test, since all share the number of runs.
#[test]
fn the_next_best_goes_on_where_an_engine_breaks() {
    let texts: Vec<String> = (0..9000).map(|idx| format!("text number {idx}")).collect();
    let expect = engine("backend = \"static\"").embed(&texts).unwrap();

    RUNS_LEFT.store(1, Ordering::Relaxed);
    let found = engine("");
    assert_eq!(found.running().backend, "brittle", "it is the first by name");
    found.embed(&texts[..1]).unwrap();
    assert_eq!(found.embed(&texts).unwrap(), expect);
    assert_eq!(found.running().backend, "static");

    // A stream goes on where it was, each text once and in order.
    RUNS_LEFT.store(3, Ordering::Relaxed);
    let (found, mut rows) = (engine(""), 0);
    found
        .embed_stream(
            Position::default(),
            texts.iter().map(Ok::<_, Error>),
            &mut |embedded| {
                assert_eq!(embedded.first, rows as u64);
                for (text, vector) in embedded.texts.iter().zip(embedded.embeddings.rows()) {
                    assert_eq!((*text, vector), (&texts[rows], expect.row(rows)));
                    rows += 1;
                }
                Ok(())
            },
            &NoCall,
        )
        .unwrap();
    assert_eq!((rows, found.running().backend.as_str()), (texts.len(), "static"));

    // Whoever names an engine means that one, and where nothing is left, what broke first is what is said.
    for profile in ["backend = \"brittle\"", "limits.allow_backends = [\"brittle\"]"] {
        RUNS_LEFT.store(2, Ordering::Relaxed);
        let engine = engine(profile);
        let err = engine.embed(&texts).unwrap_err();
        assert!(err.to_text().contains("the card fell off the bus"), "{profile}: {}", err.to_text());
        assert_eq!(err.kind(), ErrorKind::DeviceLost, "{profile}");
        // From then on it says so.
        let err = engine.embed(&texts).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::DeviceLost, "{profile}: {}", err.to_text());
    }

    // Whoever wants no more is not given another engine first.
    RUNS_LEFT.store(0, Ordering::Relaxed);
    BROKE.store(false, Ordering::Relaxed);
    let found = engine("");
    let err = found.embed_with(&texts, &StopsWhenBroken).unwrap_err();
    assert_eq!((err.kind(), found.running().backend.as_str()), (ErrorKind::Cancelled, "brittle"), "{}", err.to_text());
}

/// Is cancelled as soon as a session broke.
struct StopsWhenBroken;

impl Call for StopsWhenBroken {
    fn is_cancelled(&self) -> bool {
        BROKE.load(Ordering::Relaxed)
    }
}
