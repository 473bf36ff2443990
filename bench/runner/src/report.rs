//! Tables for people and JSON for everything else.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{machine, memory::Peak, race::Outcome, spread::Spread};

/// Everything measured by one command.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    processor: Option<String>,
    threads: usize,
    runtime: String,
    /// Threads that wanted to run in the minute before the first race.
    load_before: Option<f64>,
    races: Vec<Race>,
    ratios: Vec<Ratio>,
    memory: Vec<Memory>,
}

/// How many times as fast one was as another, and how many times it is to be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    /// What is compared with what.
    pub(crate) name: String,
    /// In each round.
    pub(crate) speed: Spread,
    /// The same for the best round of each.
    pub(crate) at_best: f64,
    /// How many times less processor time it took, where the system tells.
    pub(crate) thrift: Option<Spread>,
    /// `speed` is to be at least this, where there is a goal.
    pub(crate) goal: Option<f64>,
}

impl Ratio {
    /// Of two contestants in one race.
    pub(crate) fn new(name: String, of: &Outcome, base: &Outcome, goal: Option<f64>) -> Option<Self> {
        let (speed, thrift) = (of.speed_over(base)?, of.thrift_over(base));
        Some(Self { name, speed, at_best: base.seconds.min / of.seconds.min, thrift, goal })
    }
}

/// What a process took for something.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    /// Contestant.
    pub(crate) name: String,
    /// Highest so far.
    pub(crate) peak: Peak,
    /// Everything resident is to be at most so much, in bytes, where there is a goal.
    pub(crate) goal: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Race {
    title: String,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// An empty one, which says what it is about.
    pub(crate) fn begin(threads: usize, runtime: &str) -> Self {
        let (processor, load_before) = (machine::processor(), machine::load());
        let name = processor.as_deref().unwrap_or("unknown processor");
        println!("{name}, {threads} threads, ONNX Runtime {runtime}");
        if let Some(load) = load_before.filter(|&load| load > 0.5) {
            println!("the machine is busy (load {load}): trust ratios only, and those with a wide range little");
        }
        Self { processor, threads, runtime: runtime.to_owned(), load_before, ..Self::default() }
    }

    /// Prints a race and keeps it.
    pub(crate) fn add(&mut self, title: &str, outcomes: Vec<Outcome>) {
        print(title, &outcomes);
        self.races.push(Race { title: title.to_owned(), outcomes });
    }

    /// Prints ratios and keeps them.
    pub(crate) fn add_ratios(&mut self, title: &str, ratios: Vec<Ratio>) {
        println!("\n{title}");
        println!("  {:58}  {:>22}  {:>7}  {:>6}", "", "speed (min–max)", "at best", "thrift");
        for Ratio { name, speed, at_best, thrift, goal } in &ratios {
            let verdict = goal.map_or_else(String::new, |goal| verdict(speed.median >= goal, &format!("{goal:.2}")));
            println!("  {name:58}  {:>22}  {at_best:>7.3}  {:>6}{verdict}", speed.to_string(), short(*thrift));
        }
        self.ratios.extend(ratios.into_iter().map(|ratio| Ratio { name: format!("{title}: {}", ratio.name), ..ratio }));
    }

    /// Prints memory and keeps it.
    pub(crate) fn add_memory(&mut self, title: &str, memory: Vec<Memory>) {
        println!("\n{title}");
        println!("  {:40}  {:>8}  {:>8}", "contestant", "RSS MB", "anon MB");
        for Memory { name, peak, goal } in &memory {
            let megabytes = |bytes: u64| bytes / 1_000_000;
            let verdict = |goal: u64| verdict(peak.total <= goal, &megabytes(goal).to_string());
            let verdict = goal.map_or_else(String::new, verdict);
            println!("  {name:40}  {:>8}  {:>8}{verdict}", megabytes(peak.total), megabytes(peak.anonymous));
        }
        self.memory.extend(memory);
    }

    /// Writes everything into a file, if one is wanted.
    pub(crate) fn finish(&self, json: Option<&Path>) -> Result<()> {
        json.map_or(Ok(()), |path| write_json(path, self))
    }
}

/// Writes something measured into a file.
pub(crate) fn write_json(path: &Path, measured: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(measured)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))
}

fn verdict(is_met: bool, goal: &str) -> String {
    format!("  {} (goal {goal})", if is_met { "met" } else { "MISSED" })
}

fn print(title: &str, outcomes: &[Outcome]) {
    let Some(base) = outcomes.first() else { return };
    println!("\n{title}: {} texts; speed relative to `{}`", base.texts, base.name);
    let widest = outcomes.iter().map(|outcome| outcome.name.chars().count()).max().unwrap_or(0);
    println!(
        "{:widest$}  {:>22}  {:>7}  {:>22}  {:>6}  {:>6}  {:>8}  {:>8}  {:>8}  {:>8}  {:>6}  {:>9}",
        "contestant",
        "speed (min–max)",
        "at best",
        "seconds (min–max)",
        "thrift",
        "others",
        "texts/s",
        "tokens/s",
        "RSS MiB",
        "anon MiB",
        "load s",
        "cos min"
    );
    for outcome in outcomes {
        let tokens = outcome.tokens.map_or_else(|| "–".to_owned(), |tokens| per_second(tokens, outcome));
        println!(
            "{:widest$}  {:>22}  {:>7.3}  {:>22}  {:>6}  {:>6}  {:>8}  {:>8}  {:>8}  {:>8}  {:>6.2}  {:>9.6}",
            outcome.name,
            outcome.speed.to_string(),
            outcome.speed_at_best,
            outcome.seconds.to_string(),
            short(outcome.thrift),
            short(outcome.others),
            per_second(outcome.texts, outcome),
            tokens,
            outcome.peak.total >> 20,
            outcome.peak.anonymous >> 20,
            outcome.load_seconds,
            outcome.agreement.min,
        );
    }
}

fn per_second(count: usize, outcome: &Outcome) -> String {
    format!("{:.0}", count as f64 / outcome.seconds.median)
}

fn short(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "–".to_owned(), |spread| format!("{:.2}", spread.median))
}
