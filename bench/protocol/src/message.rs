//! The lines themselves.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// What the runner says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Embed every text.
    Run,
    /// Embed every text, then write the vectors into this file: 32-bit floats, little-endian, one row after the other. It is
    /// done when they are there; the time is that of embedding.
    Write(PathBuf),
    /// Stop.
    Quit,
}

/// What a contestant says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// It has loaded its model and the texts.
    Ready(Ready),
    /// It has embedded every text once.
    Done(Done),
}

/// A contestant that can begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// Time it took to load everything, in seconds.
    pub load_seconds: f64,
    /// Numbers in each vector.
    pub dim: usize,
}

/// One pass over all texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Time it took, in seconds.
    pub seconds: f64,
    /// Texts embedded.
    pub texts: usize,
    /// Their tokens without padding, where the contestant knows.
    pub tokens: Option<usize>,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Run => f.write_str("run"),
            Command::Write(path) => write!(f, "write {}", path.display()),
            Command::Quit => f.write_str("quit"),
        }
    }
}

impl FromStr for Command {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        match line.split_once(' ') {
            None if line == "run" => Ok(Command::Run),
            None if line == "quit" => Ok(Command::Quit),
            Some(("write", path)) => Ok(Command::Write(Path::new(path).to_path_buf())),
            _ => bail!("unknown command `{line}`"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, json) = match self {
            Reply::Ready(ready) => ("ready", serde_json::to_string(ready)),
            Reply::Done(done) => ("done", serde_json::to_string(done)),
        };
        write!(f, "{word} {}", json.map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Reply {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let read = || match line.split_once(' ') {
            Some(("ready", json)) => Ok(Reply::Ready(serde_json::from_str(json)?)),
            Some(("done", json)) => Ok(Reply::Done(serde_json::from_str(json)?)),
            _ => bail!("neither `ready` nor `done`"),
        };
        read().with_context(|| format!("unexpected answer `{line}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_round_trip() {
        for command in [Command::Run, Command::Write("/a b/c".into()), Command::Quit] {
            assert_eq!(command.to_string().parse::<Command>().unwrap(), command);
        }
        let ready = Reply::Ready(Ready { load_seconds: 0.25, dim: 384 });
        let done = Reply::Done(Done { seconds: 1.5, texts: 3, tokens: None });
        for reply in [ready, done] {
            assert_eq!(reply.to_string().parse::<Reply>().unwrap(), reply);
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["", "write", "run now", "stop"] {
            assert!(line.parse::<Command>().is_err(), "{line:?}");
        }
        for line in ["", "done", "done {}", "ready []", "panicked"] {
            assert!(line.parse::<Reply>().is_err(), "{line:?}");
        }
    }
}
