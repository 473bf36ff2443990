//! How time and memory of the program grow with the input: its built-in model, from a file into nothing.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::{arguments::GrowthArguments, memory::Peak, report::write_json, spread::Spread};

/// One size of input.
#[derive(Debug, Serialize)]
struct Size {
    texts: usize,
    /// Time of the whole program, in seconds.
    seconds: Spread,
    /// Time for a text beyond what the program takes for one text, in microseconds.
    micros_per_text: Spread,
    peak: Peak,
}

/// Measures and prints everything.
pub(crate) fn run(arguments: &GrowthArguments) -> Result<()> {
    let program = arguments.program.canonicalize().with_context(|| {
        format!("no program `{}`; `cargo build --release` in the repository makes it", arguments.program.display())
    })?;
    let folder = tempfile::tempdir()?;
    let inputs: Vec<(usize, PathBuf)> = std::iter::once(&1)
        .chain(&arguments.sizes)
        .map(|&texts| Ok((texts, generate(folder.path(), texts)?)))
        .collect::<Result<_>>()?;
    let mut seconds = vec![Vec::new(); inputs.len()];
    let mut peaks = vec![Peak::default(); inputs.len()];
    for round in 0..=arguments.rounds.get() {
        for (idx, (_, input)) in inputs.iter().enumerate() {
            let time = embed(&program, input, &mut peaks[idx])?;
            // The first round warms up.
            if round > 0 {
                seconds[idx].push(time);
            }
        }
    }
    let start = seconds[0].clone();
    let sizes: Vec<Size> = (1..inputs.len())
        .filter_map(|idx| {
            let texts = inputs[idx].0;
            let beyond = seconds[idx].iter().zip(&start).map(|(all, start)| (all - start) * 1e6 / texts as f64);
            let micros_per_text = Spread::of(beyond)?;
            Some(Size { texts, seconds: Spread::of(seconds[idx].iter().copied())?, micros_per_text, peak: peaks[idx] })
        })
        .collect();
    println!("{:>10}  {:>24}  {:>24}  {:>8}  {:>8}", "texts", "seconds", "µs/text after start", "RSS MiB", "anon MiB");
    for size in &sizes {
        let (seconds, micros) = (size.seconds.to_string(), size.micros_per_text.to_string());
        let (total, anonymous) = (size.peak.total >> 20, size.peak.anonymous >> 20);
        println!("{:>10}  {seconds:>24}  {micros:>24}  {total:>8}  {anonymous:>8}", size.texts);
    }
    arguments.json.as_deref().map_or(Ok(()), |path| write_json(path, &sizes))
}

/// Time the program takes for an input, in seconds.
fn embed(program: &Path, input: &Path, peak: &mut Peak) -> Result<f64> {
    let started = Instant::now();
    let mut process = Command::new(program)
        .args(["embed", "-m", "builtin", "-i"])
        .arg(input)
        .args(["--format", "npy", "-o", "/dev/null"])
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    let status = peak.watch(process.id(), || process.wait())?;
    ensure!(status.success(), "`{}` failed: {status}", program.display());
    Ok(started.elapsed().as_secs_f64())
}

/// A file of so many short texts, no two alike, one a line.
fn generate(folder: &Path, texts: usize) -> Result<PathBuf> {
    const WORDS: [&str; 16] = [
        "river", "engine", "paper", "window", "north", "bread", "signal", "garden", "seven", "harbour", "music",
        "winter", "market", "bridge", "letter", "stone",
    ];
    let path = folder.join(format!("{texts}.txt"));
    let mut out = BufWriter::new(File::create(&path)?);
    for idx in 0..texts {
        let word = |step: usize| WORDS[(idx / step + step) % WORDS.len()];
        writeln!(out, "{} {} by the {} and {} {idx:08}", word(1), word(16), word(256), word(4096))?;
    }
    out.flush()?;
    Ok(path)
}
