//! One thing that is not as it was.

use std::fmt;

use serde::Serialize;

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is, with the table it is in: `machine.cores`.
    pub name: String,
    /// What the lock says; nothing where it says nothing. Of a set, what is only there.
    pub before: Option<String>,
    /// What is there now.
    pub now: Option<String>,
    /// Whether a run that is frozen does not mind.
    pub may_differ: bool,
}

/// `machine.cores: 4 → 8`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{}: {} → {}", self.name, words(&self.before), words(&self.now))?;
        f.write_str(if self.may_differ { " (may differ)" } else { "" })
    }
}
