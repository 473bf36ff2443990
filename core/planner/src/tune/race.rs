//! Who is fastest, within the time there is.

use std::time::Duration;

use drivetrain_contract::{Error, ErrorKind, Result};

use super::{
    Contender, Field, Figures, Lap, Outcome, Sampled, Seat, Speed, Stand, Step, Trial, judge::judge,
    shapes::fastest_shape,
};
use crate::{Goal, plan::Shape};

/// Seconds that a lap of the fastest takes at least, so that what a clock and a scheduler do matters little.
const LAP_SECONDS: f64 = 0.05;
/// Texts of the first lap.
const FIRST_TEXTS: usize = 4;
/// Laps of each stage, and of one in which few are left: those are hard to tell apart.
const LAPS: (usize, usize) = (2, 5);
/// How many are few.
const FEW: usize = 3;
/// Stages before the winner stands.
const STAGES: usize = 4;
/// Whoever is slower than this share of the first drops out though laps overlap: it will hardly catch up.
const FAR_BEHIND: f64 = 0.67;
/// Whoever is slower than this share of the first in a single lap drops out at once.
const HOPELESS: f64 = 0.5;
/// Batches that each session runs in a lap at least: with fewer, whoever likes large batches leaves sessions idle.
const BATCHES: f64 = 2.0;
/// Characters in a token of English, about.
const CHARS_PER_TOKEN: f64 = 4.3;
/// The share of the time after which nothing more is loaded.
const LOADING: f64 = 0.5;
/// The share of the time after which the winner stands as it is.
const RACING: f64 = 0.75;

/// What a race is given.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'l> {
    /// How long it may take. What is being run when it is over is run to its end.
    pub time: Duration,
    /// What people gave to the scored pairs; empty where there are none.
    pub scores: &'l [f64],
}

/// How a race went.
#[derive(Debug)]
pub struct Race {
    /// What is known of each that was loaded or could not be.
    pub trials: Vec<Trial>,
    /// What ended it before its time; what was known by then is there.
    pub ended_by: Option<Error>,
}

/// Runs the contenders of a field beside each other.
pub fn race<'s>(field: &Field, stand: &mut dyn Stand<'s>, limits: &Limits<'_>) -> Race {
    let mut race = Running { field, stand, limits, reference: None, runners: Vec::new(), out: Vec::new() };
    let ended_by = race.run().err();
    race.runners.sort_by_key(|runner| runner.place);
    for runner in std::mem::take(&mut race.runners) {
        race.leave(runner);
    }
    Race { trials: race.out, ended_by }
}

/// One that is loaded and still in the race.
struct Runner<'s> {
    /// Its place among the contenders.
    place: usize,
    contender: Contender,
    seat: Box<dyn Seat + 's>,
    figures: Figures,
    /// Seconds for each text, of the laps of this stage.
    laps: Vec<f64>,
}

impl Runner<'_> {
    /// Turns the laps of a stage into figures; the one that warmed up is left out where there are others.
    fn count_laps(&mut self) {
        if self.laps.len() > 1 {
            self.laps.remove(0);
        }
        self.figures.speed = Speed::of(&self.laps).or(self.figures.speed);
    }
}

struct Running<'r, 's> {
    field: &'r Field,
    stand: &'r mut dyn Stand<'s>,
    limits: &'r Limits<'r>,
    reference: Option<Sampled>,
    runners: Vec<Runner<'s>>,
    out: Vec<Trial>,
}

impl<'s> Running<'_, 's> {
    fn run(&mut self) -> Result<()> {
        let field = self.field;
        for (place, contender) in field.contenders.iter().enumerate() {
            // Two are enough to compare, and one is not.
            if self.runners.len() >= 2 && self.has_used(LOADING) {
                break;
            }
            self.enter(place, contender)?;
        }
        let Some(mut n_texts) = self.first_lap()? else { return Ok(()) };
        for stage in 0..STAGES {
            // One that is alone is timed all the same, to be tried in other shapes.
            if self.runners.len() < 2 && stage > 0 || self.has_used(RACING) {
                break;
            }
            self.stand.observe(Step::Laps { left: self.runners.len(), n_texts });
            self.stage(n_texts)?;
            self.drop_slower();
            n_texts = (n_texts * 2).min(self.stand.n_texts());
        }
        self.vary(n_texts)
    }

    /// Loads a contender and compares its vectors, after which it is in the race or out.
    fn enter(&mut self, place: usize, contender: &Contender) -> Result<()> {
        self.stand.observe(Step::Opening(contender));
        let entered = self.stand.open(contender).and_then(|mut seat| {
            let vectors = seat.vectors()?;
            let figures = match &self.reference {
                Some(reference) => judge(reference, &vectors, self.limits.scores)?,
                None => Figures { batch_difference: vectors.batch_difference()?, ..Figures::default() },
            };
            if contender.is_reference {
                self.reference = Some(vectors);
            }
            Ok((seat, figures))
        });
        match entered {
            Ok((seat, figures)) => {
                let runner = Runner { place, contender: contender.clone(), seat, figures, laps: Vec::new() };
                let is_out = self.field.budget.refusal(&contender.candidate, &runner.figures).is_some();
                if is_out || !contender.competes {
                    self.leave(runner);
                } else {
                    self.runners.push(runner);
                }
                Ok(())
            }
            Err(err) => self.fail(contender, err),
        }
    }

    /// How many texts make a lap that says something: long enough to be timed, as the first one in the race runs them,
    /// and several batches for each session, as far as there is time for all to run them.
    fn first_lap(&mut self) -> Result<Option<usize>> {
        let most = self.stand.n_texts();
        let mut n_texts = FIRST_TEXTS.min(most);
        while !self.runners.is_empty() {
            // The first run allocates, and compiles for new shapes.
            let lap = Lap { n_texts, batch_tokens: None };
            let runner = &mut self.runners[0];
            match runner.seat.lap(lap).and_then(|_| runner.seat.lap(lap)) {
                Ok(took) if took.as_secs_f64() >= LAP_SECONDS || n_texts >= most => {
                    let per_text = took.as_secs_f64() / n_texts.max(1) as f64;
                    let n_laps = self.runners.len() * (LAPS.0 + 1);
                    let in_time = (self.time_left(RACING) / (per_text * n_laps as f64)) as usize;
                    return Ok(Some(self.filling_texts().min(in_time).max(n_texts).min(most)));
                }
                Ok(_) => n_texts = (n_texts * 2).min(most),
                Err(err) => self.fail_runner(0, err)?,
            }
        }
        Ok(None)
    }

    /// How many texts give every session of every runner its batches; texts one at a time are no batches.
    fn filling_texts(&self) -> usize {
        if self.field.goal == Goal::Latency {
            return 0;
        }
        let longest = self.field.max_tokens.map_or(f64::INFINITY, |tokens| tokens as f64);
        let tokens_per_text = (self.stand.chars_per_text() / CHARS_PER_TOKEN).clamp(1.0, longest.max(1.0));
        let batches = self.runners.iter().filter_map(|runner| {
            let shape = runner.contender.shape;
            Some(runner.seat.batch_tokens()? * shape.sessions)
        });
        (batches.max().unwrap_or(0) as f64 * BATCHES / tokens_per_text).ceil() as usize
    }

    /// Some laps of each in turn, after one that warms up and counts only where there is no time for others.
    fn stage(&mut self, n_texts: usize) -> Result<()> {
        self.runners.iter_mut().for_each(|runner| runner.laps.clear());
        let laps = if self.runners.len() > FEW { LAPS.0 } else { LAPS.1 };
        'laps: for lap in 0..=laps {
            let mut idx = 0;
            while idx < self.runners.len() {
                if self.has_used(RACING) {
                    break 'laps;
                }
                match self.runners[idx].seat.lap(Lap { n_texts, batch_tokens: None }) {
                    Ok(took) => {
                        self.runners[idx].laps.push(took.as_secs_f64() / n_texts.max(1) as f64);
                        idx += 1;
                    }
                    Err(err) => self.fail_runner(idx, err)?,
                }
            }
            if lap == 1 {
                self.drop_hopeless();
            }
        }
        self.runners.iter_mut().for_each(Runner::count_laps);
        Ok(())
    }

    /// Lets those go that the first one was far ahead of in the lap that was run last.
    fn drop_hopeless(&mut self) {
        let last = |runner: &Runner<'_>| runner.laps.last().copied().unwrap_or(f64::INFINITY);
        let best = self.runners.iter().map(last).fold(f64::INFINITY, f64::min);
        let gone: Vec<Runner<'s>> = self.runners.extract_if(.., |runner| best < HOPELESS * last(runner)).collect();
        for mut runner in gone {
            runner.count_laps();
            self.leave(runner);
        }
    }

    /// Lets those go that are slower than the first beyond what laps differ by.
    fn drop_slower(&mut self) {
        let timed = |runner: &Runner<'_>| runner.figures.speed.map_or(f64::INFINITY, |speed| speed.seconds_per_text);
        let Some(first) = self.runners.iter().min_by(|one, other| timed(one).total_cmp(&timed(other))) else { return };
        let (best, slowest) = (timed(first), first.laps.iter().copied().fold(0.0, f64::max));
        let is_slower = |runner: &mut Runner<'_>| {
            let fastest = runner.laps.iter().copied().fold(f64::INFINITY, f64::min);
            fastest > slowest || best < FAR_BEHIND * timed(runner)
        };
        let gone: Vec<Runner<'s>> = self.runners.extract_if(.., is_slower).collect();
        gone.into_iter().for_each(|runner| self.leave(runner));
    }

    /// Tries the fastest one in other shapes.
    fn vary(&mut self, n_texts: usize) -> Result<()> {
        let timed = |runner: &Runner<'_>| runner.figures.speed.map(|speed| speed.seconds_per_text);
        let fastest = (0..self.runners.len())
            .filter_map(|idx| Some((idx, timed(&self.runners[idx])?)))
            .min_by(|(_, one), (_, other)| one.total_cmp(other));
        let Some((idx, seconds_per_text)) = fastest else { return Ok(()) };
        let contender = self.runners[idx].contender.clone();
        let mut others = Vec::new();
        for shape in self.field.other_shapes(contender.shape) {
            if self.has_used(RACING) {
                break;
            }
            let other = Contender { shape, ..contender.clone() };
            self.stand.observe(Step::Opening(&other));
            match self.stand.open(&other) {
                Ok(seat) => others.push((other.shape, seat)),
                Err(err) if err.kind() == ErrorKind::Cancelled => return Err(err),
                // A shape that does not load says nothing against the candidate.
                Err(_) => {}
            }
        }
        let least = self.filling_texts();
        let stand = &*self.stand;
        let limit = self.limits.time;
        let is_over = || stand.elapsed() > limit;
        let runner = &mut self.runners[idx];
        let base = (contender.shape, &mut runner.seat);
        let time_left = limit.saturating_sub(stand.elapsed()).as_secs_f64();
        let n_in_time = (time_left / seconds_per_text) as usize;
        // With fewer texts than fill all sessions, fewer sessions and smaller batches would seem to be better.
        let n_texts = least..=n_texts.max(least);
        let fastest = match fastest_shape(base, &mut others, (n_texts, n_in_time), &is_over) {
            Err(err) if err.kind() != ErrorKind::Cancelled => None,
            fastest => fastest?,
        };
        if let Some((shape, speed)) = fastest {
            let is_like = |other: &Shape| (other.sessions, other.threads) == (shape.sessions, shape.threads);
            if let Some(place) = others.iter().position(|(other, _)| is_like(other)) {
                runner.seat = others.swap_remove(place).1;
            }
            runner.contender.shape = shape;
            runner.figures.speed = Some(speed);
        }
        Ok(())
    }

    fn has_used(&self, share: f64) -> bool {
        self.time_left(share) < 0.0
    }

    /// Seconds until this share of the time is used; below 0 if it is.
    fn time_left(&self, share: f64) -> f64 {
        share * self.limits.time.as_secs_f64() - self.stand.elapsed().as_secs_f64()
    }

    /// Closes one and keeps what is known of it.
    fn leave(&mut self, mut runner: Runner<'_>) {
        runner.figures.peak_bytes = runner.seat.peak_bytes();
        let Contender { candidate, shape, .. } = runner.contender;
        self.end(Trial { candidate, shape, outcome: Outcome::Ran(runner.figures) });
    }

    fn fail_runner(&mut self, idx: usize, err: Error) -> Result<()> {
        if err.kind() == ErrorKind::Cancelled {
            return Err(err);
        }
        let runner = self.runners.remove(idx);
        self.fail(&runner.contender, err)
    }

    /// Keeps why one did not run. Only being asked to stop ends the race.
    fn fail(&mut self, contender: &Contender, err: Error) -> Result<()> {
        if err.kind() == ErrorKind::Cancelled {
            return Err(err);
        }
        let Contender { candidate, shape, .. } = contender.clone();
        self.end(Trial { candidate, shape, outcome: Outcome::Failed { why: err.to_text() } });
        Ok(())
    }

    fn end(&mut self, trial: Trial) {
        self.stand.observe(Step::Done(&trial));
        self.out.push(trial);
    }
}
