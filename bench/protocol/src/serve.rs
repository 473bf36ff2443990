//! The contestant's side: what it has to do, and the loop that has it done and timed.

use std::{
    fs::File,
    io::{self, BufRead, BufWriter, Write},
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{Command, Done, Ready, Reply};

/// A library under test, loaded, with its texts.
pub trait Contestant {
    /// The vectors in whatever form the library gives them.
    type Vectors;

    /// Numbers in each vector.
    fn dim(&self) -> usize;

    /// What comes before each pass over the texts and is not timed.
    ///
    /// # Errors
    /// What the library fails with.
    fn prepare(&mut self) -> Result<()> {
        Ok(())
    }

    /// The vectors of all texts. This is what is timed.
    ///
    /// # Errors
    /// What the library fails with.
    fn embed(&mut self) -> Result<Self::Vectors>;

    /// The rows of what [`Contestant::embed`] gave, in the order of the texts.
    fn rows<'a>(&self, vectors: &'a Self::Vectors) -> Vec<&'a [f32]>;

    /// Tokens of all texts without padding, where the contestant knows.
    fn tokens(&self) -> Option<usize> {
        None
    }
}

/// Loads a contestant and does what standard input says until it says `quit` or ends.
///
/// # Errors
/// What loading or embedding fails with, and a line that is no command.
pub fn serve<C: Contestant>(load: impl FnOnce() -> Result<C>) -> Result<()> {
    let started = Instant::now();
    let mut contestant = load()?;
    let ready = Ready { load_seconds: started.elapsed().as_secs_f64(), dim: contestant.dim() };
    say(&Reply::Ready(ready))?;
    for line in io::stdin().lock().lines() {
        match line?.parse()? {
            Command::Run => {
                let (_, done) = run(&mut contestant)?;
                say(&Reply::Done(done))?;
            }
            Command::Write(path) => {
                let (vectors, done) = run(&mut contestant)?;
                write(&path, &contestant.rows(&vectors))?;
                say(&Reply::Done(done))?;
            }
            Command::Quit => break,
        }
    }
    Ok(())
}

fn run<C: Contestant>(contestant: &mut C) -> Result<(C::Vectors, Done)> {
    contestant.prepare()?;
    let started = Instant::now();
    let vectors = contestant.embed()?;
    let seconds = started.elapsed().as_secs_f64();
    let texts = contestant.rows(&vectors).len();
    let done = Done { seconds, texts, tokens: contestant.tokens() };
    Ok((vectors, done))
}

fn say(reply: &Reply) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{reply}")?;
    Ok(out.flush()?)
}

fn write(path: &Path, rows: &[&[f32]]) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
    let mut out = BufWriter::new(file);
    for number in rows.iter().copied().flatten() {
        out.write_all(&number.to_le_bytes())?;
    }
    Ok(out.flush()?)
}
