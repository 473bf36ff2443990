//! Contestants taking turns on the same texts.

use std::path::Path;

use anyhow::{Context, Result};
use protocol::{Command, Done};
use serde::Serialize;

use crate::{
    agreement::{self, Agreement},
    child::Contestant,
    entries::Entry,
    machine::Usage,
    memory::Peak,
    spread::Spread,
};

/// What one contestant did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// Contestant.
    pub(crate) name: String,
    /// Time to load, in seconds.
    pub(crate) load_seconds: f64,
    /// Texts in a round.
    pub(crate) texts: usize,
    /// Tokens in a round, where the contestant knows.
    pub(crate) tokens: Option<usize>,
    /// One for each round.
    pub(crate) passes: Vec<Pass>,
    /// Their times, in seconds.
    pub(crate) seconds: Spread,
    /// How many times as fast as the first contestant it was in each round.
    pub(crate) speed: Spread,
    /// The same for the best round of each.
    pub(crate) speed_at_best: f64,
    /// How many times less processor time than the first contestant it took in each round.
    pub(crate) thrift: Option<Spread>,
    /// Processors that others used meanwhile, where the system tells.
    pub(crate) others: Option<Spread>,
    /// How alike its vectors and those of the first contestant are.
    pub(crate) agreement: Agreement,
    /// Its memory.
    pub(crate) peak: Peak,
}

impl Outcome {
    /// How many times as fast as `base` it was in each round.
    pub(crate) fn speed_over(&self, base: &Self) -> Option<Spread> {
        Spread::of(base.passes.iter().zip(&self.passes).map(|(base, own)| base.seconds / own.seconds))
    }

    /// How many times less processor time than `base` it took in each round, where the system tells.
    pub(crate) fn thrift_over(&self, base: &Self) -> Option<Spread> {
        let passes = base.passes.iter().zip(&self.passes);
        Spread::of(passes.filter_map(|(base, own)| Some(base.processor_seconds()? / own.processor_seconds()?)))
    }
}

/// How a race goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Measured rounds.
    pub(crate) rounds: usize,
    /// How often a pass that others disturbed is repeated; the least disturbed one counts.
    pub(crate) patience: usize,
}

/// Processors others may use on average before a pass is disturbed.
const DISTURBED: f64 = 0.1;

/// Lets `entries` embed `texts` in turn; the first is what the others are compared with.
///
/// The round before the measured ones warms up and gives the vectors.
pub(crate) fn race(entries: &[Entry], texts: &Path, rules: Rules) -> Result<Vec<Outcome>> {
    let folder = tempfile::tempdir()?;
    let file = |idx: usize| folder.path().join(idx.to_string());
    let mut runs: Vec<Run> = entries.iter().map(|entry| Run::start(entry, texts)).collect::<Result<_>>()?;
    for (idx, run) in runs.iter_mut().enumerate() {
        run.warm_up = Some(run.contestant.order(&Command::Write(file(idx)))?.0);
    }
    for round in 0..rules.rounds {
        eprint!("\r  round {} of {}", round + 1, rules.rounds);
        for run in &mut runs {
            let pass = run.pass(rules.patience)?;
            run.passes.push(pass);
        }
    }
    eprint!("\r{:24}\r", "");
    let base = runs.first().context("no contestants")?;
    let outcome = |(idx, run): (usize, &Run)| {
        let agreement = agreement::compare(&file(0), &file(idx), run.contestant.ready().dim)?;
        run.outcome(base, agreement).with_context(|| format!("`{}` ran in no round", run.name))
    };
    runs.iter().enumerate().map(outcome).collect()
}

/// A contestant in a race.
struct Run {
    name: String,
    contestant: Contestant,
    warm_up: Option<Done>,
    passes: Vec<Pass>,
}

/// One pass over the texts.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Pass {
    /// Time it took.
    seconds: f64,
    /// Who used the processors meanwhile, where the system tells.
    usage: Option<Usage>,
}

impl Pass {
    fn others(&self) -> Option<f64> {
        self.usage.map(|usage| usage.others)
    }

    /// Time the contestant was on some processor, summed over the processors.
    fn processor_seconds(&self) -> Option<f64> {
        self.usage.map(|usage| usage.own * self.seconds)
    }
}

impl Run {
    fn start(entry: &Entry, texts: &Path) -> Result<Self> {
        let contestant = Contestant::start(entry, texts)?;
        Ok(Self { name: entry.name.clone(), contestant, warm_up: None, passes: Vec::new() })
    }

    /// The least disturbed of as many passes as it takes.
    fn pass(&mut self, patience: usize) -> Result<Pass> {
        let mut once = || -> Result<Pass> {
            let (done, usage) = self.contestant.order(&Command::Run)?;
            Ok(Pass { seconds: done.seconds, usage })
        };
        let mut best = once()?;
        for _ in 0..patience {
            if best.others().unwrap_or(0.0) <= DISTURBED {
                break;
            }
            let again = once()?;
            if again.others() < best.others() {
                best = again;
            }
        }
        Ok(best)
    }

    fn outcome(&self, base: &Run, agreement: Agreement) -> Option<Outcome> {
        let seconds = || self.passes.iter().map(|pass| pass.seconds);
        let base_seconds = || base.passes.iter().map(|pass| pass.seconds);
        let (time, base_time) = (Spread::of(seconds())?, Spread::of(base_seconds())?);
        let processor_seconds =
            base.passes.iter().map(Pass::processor_seconds).zip(self.passes.iter().map(Pass::processor_seconds));
        let warm_up = self.warm_up.as_ref()?;
        Some(Outcome {
            name: self.name.clone(),
            load_seconds: self.contestant.ready().load_seconds,
            texts: warm_up.texts,
            tokens: warm_up.tokens,
            passes: self.passes.clone(),
            seconds: time,
            speed: Spread::of(base_seconds().zip(seconds()).map(|(base, own)| base / own))?,
            speed_at_best: base_time.min / time.min,
            thrift: Spread::of(processor_seconds.filter_map(|(base, own)| Some(base? / own?))),
            others: Spread::of(self.passes.iter().filter_map(Pass::others)),
            agreement,
            peak: self.contestant.peak(),
        })
    }
}
