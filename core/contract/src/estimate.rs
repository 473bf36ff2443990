//! A backend's own guess at what running a model would cost.

/// Whether a backend believes it can run a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It cannot.
    No = 0,
    /// Only trying will tell.
    #[default]
    Maybe = 1,
    /// It can.
    Yes = 2,
}

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A rule of thumb.
    #[default]
    Guess = 0,
    /// A model of the hardware and the graph.
    Modelled = 1,
    /// A measurement on this machine.
    Measured = 2,
}

/// What running a model would cost, as far as the backend can tell. Zero means unknown.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Whether it would work.
    pub verdict: Verdict,
    /// What the figures rest on.
    pub basis: Basis,
    /// Index into [`crate::Model::artifacts`] of the artifact it would use.
    pub artifact_index: u32,
    /// Cost of one run, whatever its size, in nanoseconds.
    pub fixed_ns: f64,
    /// Cost of one token, in nanoseconds.
    pub ns_per_token: f64,
    /// Time to create the session, in nanoseconds.
    pub load_ns: u64,
    /// Host memory after loading, in bytes.
    pub host_bytes: u64,
    /// Device memory after loading, in bytes.
    pub device_bytes: u64,
    /// Why the verdict is what it is.
    pub reason: String,
}
