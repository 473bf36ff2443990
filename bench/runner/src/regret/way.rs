//! One way to run the model.

use std::{fmt, path::PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Cell, Goal, folder};
use crate::entries::{Entry, Places};

/// Most tokens in a batch that are tried besides what the engine is fastest with.
const BATCH_TOKENS: [usize; 3] = [128, 512, 2048];

/// An engine in a precision with a file, as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kind {
    pub(super) backend: String,
    /// Which of the engine's installed releases, where it is not the one that is loaded by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<Release>,
    pub(super) device: String,
    /// What the device is.
    #[serde(rename = "kind")]
    pub(super) device_kind: String,
    pub(super) precision: String,
    pub(super) file: File,
    /// Whether the engine has another file in the precision, so that this one must be the only one it sees.
    #[serde(skip_deserializing)]
    pub(super) is_one_of_many: bool,
}

/// An installed release of an engine's library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) library: PathBuf,
}

/// A file of the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) path: String,
}

/// How it is run, as a plan has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) sessions: usize,
    /// Threads of all sessions together.
    pub(super) threads: usize,
    /// Most tokens in a batch; none is what the engine is fastest with.
    pub(super) batch_tokens: Option<usize>,
}

/// One way to run the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Way {
    pub(super) kind: Kind,
    pub(super) shape: Shape,
}

impl Shape {
    /// All that are tried for a goal; the first is what most are best with.
    pub(super) fn all(goal: Goal, threads: usize) -> Vec<Self> {
        let batches = || [None].into_iter().chain(BATCH_TOKENS.map(Some));
        let of = |sessions| batches().map(move |batch_tokens| Self { sessions, threads, batch_tokens });
        match goal {
            Goal::Throughput if threads == 1 => of(1).collect(),
            Goal::Throughput => of(threads).chain(of(1)).collect(),
            Goal::Latency => {
                let alone = |threads| Self { sessions: 1, threads, batch_tokens: None };
                let mut shapes = vec![alone(threads), alone(1)];
                shapes.dedup();
                shapes
            }
        }
    }
}

impl Kind {
    /// Whether the other names the same, whatever is known of its files.
    pub(super) fn is(&self, other: &Self) -> bool {
        let marked = |kind: &Self| Self { is_one_of_many: false, device_kind: String::new(), ..kind.clone() };
        marked(self) == marked(other)
    }

    /// Run with the shape that most are best with.
    pub(super) fn usual(&self, goal: Goal, threads: usize) -> Way {
        Way { kind: self.clone(), shape: Shape::all(goal, threads)[0] }
    }
}

impl Way {
    /// The contestant.
    pub(super) fn entry(&self, cell: Cell, places: &Places) -> Result<Entry> {
        let (home, profile) = (places.home.clone().into(), self.profile(places)?.into());
        let mut entry = places.entry(&self.to_string(), "bench-drivetrain", [("--home", home), ("--profile", profile)]);
        if cell.goal == Goal::Latency {
            entry.arguments.push("--one-at-a-time".into());
        }
        Ok(entry)
    }

    fn profile(&self, places: &Places) -> Result<String> {
        let Self { kind, shape } = self;
        let model =
            if kind.is_one_of_many { folder::with_only(&kind.file.path, places)? } else { places.model.clone() };
        let Kind { backend, release, device, precision, .. } = kind;
        let Shape { sessions, threads, batch_tokens } = shape;
        let mut profile = format!(
            "model = {model:?}\nbackend = {backend:?}\ndevice = {device:?}\nprecision = {precision:?}\n\
             threads = {threads}\n[pipeline]\nsessions = {sessions}\n"
        );
        if let Some(tokens) = batch_tokens {
            profile += &format!("batch_tokens = {tokens}\n");
        }
        if let Some(Release { library, .. }) = release {
            profile += &format!("[backends.{backend}]\nlibrary = {library:?}\n");
        }
        Ok(profile)
    }
}

/// `openvino int8`, with release and file where that leaves them open.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let release = self.release.as_ref().map_or_else(String::new, |release| format!(" {}", release.version));
        write!(f, "{}{release} {}", self.backend, self.precision)?;
        let name = self.file.path.rsplit('/').next().unwrap_or_default();
        if self.is_one_of_many { write!(f, " {name}") } else { Ok(()) }
    }
}

/// `openvino int8 2×1 b512`
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { sessions, threads, batch_tokens } = self.shape;
        write!(f, "{} {sessions}×{}", self.kind, threads / sessions.max(1))?;
        batch_tokens.map_or(Ok(()), |tokens| write!(f, " b{tokens}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_split_is_tried_with_every_batch_and_one_thread_has_one_split() {
        let names = |goal, threads| {
            let shapes = Shape::all(goal, threads);
            shapes
                .iter()
                .map(|one| format!("{}x{} {:?}", one.sessions, one.threads, one.batch_tokens))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(Goal::Latency, 2), ["1x2 None", "1x1 None"]);
        assert_eq!(names(Goal::Latency, 1), ["1x1 None"]);
        let all = names(Goal::Throughput, 2);
        assert_eq!((all.len(), &*all[0], &*all[7]), (8, "2x2 None", "1x2 Some(2048)"));
        assert_eq!(names(Goal::Throughput, 1).len(), 4);
    }
}
