//! A hub on this machine: speaks as much of the hub's protocol as a client needs, and fails when it is told to.

mod answer;
mod server;

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use drivetrain::package::hub::{HubSettings, Patience, Token};

use crate::fixtures_dir;

/// The model that a fake hub has.
pub const MODEL: &str = "org/name";

/// The commit of its first revision.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one model, and a second server that it sends clients to for large files.
#[derive(Debug)]
pub struct FakeHub {
    endpoint: String,
    shared: Arc<Shared>,
}

/// A request that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// Whether the server for large files was asked.
    pub of_store: bool,
    /// Bytes of the body that were sent.
    pub sent: u64,
}

/// What goes wrong with an answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Another status, with header lines.
    Status(u16, &'static str),
    /// The connection is closed after so many bytes of the body.
    CutAfter(usize),
    /// Nothing more comes after so many bytes of the body.
    SilentAfter(usize),
    /// The first byte of the body is another one.
    Damage,
    /// `Range` is not looked at, and the connection is closed after so many bytes of the body.
    NoRange(usize),
    /// Another body.
    Body(Vec<u8>),
    /// The client is sent elsewhere.
    Redirect(String),
}

/// What server threads and test look at together.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    store: String,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    revisions: BTreeMap<String, String>,
    commits: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    token: Option<String>,
    faults: Vec<Planned>,
    asked: Vec<Asked>,
    without_checksums: bool,
}

/// A fault for the next answers about paths that hold a text.
#[derive(Debug)]
struct Planned {
    part: String,
    times: usize,
    fault: Fault,
}

impl FakeHub {
    /// A hub whose model has these files at `main` and `v1`.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        let (hub, store) = (listen(), listen());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
        let (endpoint, store_address) = (address(&hub), address(&store));
        let revisions = ["main", "v1"].map(|name| (name.to_owned(), COMMIT.to_owned())).into();
        let state = State { revisions, commits: [(COMMIT.to_owned(), files)].into(), ..State::default() };
        let shared =
            Arc::new(Shared { state: Mutex::new(state), store: store_address, closed: AtomicBool::new(false) });
        server::start(hub, Arc::clone(&shared), false);
        server::start(store, Arc::clone(&shared), true);
        Self { endpoint, shared }
    }

    /// A hub whose model is a fixture.
    pub fn of_fixture(name: &str) -> Self {
        Self::new(fixture(name))
    }

    /// Its address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How to reach it, with little patience.
    pub fn settings(&self) -> HubSettings {
        let patience = Patience {
            read: Duration::from_millis(700),
            retries: 3,
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_secs(2),
            ..Patience::default()
        };
        HubSettings { endpoint: self.endpoint.clone(), patience, ..HubSettings::default() }
    }

    /// The same with a token.
    pub fn settings_with_token(&self, token: &str) -> HubSettings {
        HubSettings { token: Token::new(token), ..self.settings() }
    }

    /// Gives the model only to those who show this token.
    pub fn require_token(&self, token: &str) {
        self.state().token = Some(token.to_owned());
    }

    /// Plans a fault for the next `times` answers about paths that hold `part`.
    pub fn fail(&self, part: &str, times: usize, fault: Fault) {
        self.state().faults.push(Planned { part: part.to_owned(), times, fault });
    }

    /// Gives the model another commit.
    pub fn commit(&self, revision: &str, commit: &str, files: BTreeMap<String, Vec<u8>>) {
        let mut state = self.state();
        state.revisions.insert(revision.to_owned(), commit.to_owned());
        state.commits.insert(commit.to_owned(), files);
    }

    /// Lists files by name only and sends no tags, as a plain mirror.
    pub fn state_no_checksums(&self) {
        self.state().without_checksums = true;
    }

    /// Requests since the last call of this.
    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }
}

/// The files of a fixture that a repository would have.
///
/// # Panics
/// When there is no such fixture.
pub fn fixture(name: &str) -> BTreeMap<String, Vec<u8>> {
    let root = fixtures_dir().join("models").join(name);
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    files.retain(|path, _| !path.starts_with("expected."));
    files
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in folder.read_dir().unwrap_or_else(|err| panic!("`{}`: {err}", folder.display())).flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let rel = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            files.insert(rel, fs::read(&path).expect("a file"));
        }
    }
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a free port")
}
