//! Who is fastest, within the time there is.

use std::{cmp::Ordering, time::Duration};

use drivetrain_contract::{Error, ErrorKind, Result};

use super::{
    Contender, Field, Figures, Lap, Outcome, Sampled, Seat, Speed, Stand, Step, Trial,
    judge::{check_pairs, judge},
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
/// Whoever is slower than this share of the first in a single lap drops out at once, and is not even judged where it
/// is that much slower than one that is exact enough.
const HOPELESS: f64 = 0.5;
/// Batches that each session runs in a lap at least: with fewer, whoever likes large batches leaves sessions idle.
const BATCHES: f64 = 2.0;
/// Characters in a token of English, about.
const CHARS_PER_TOKEN: f64 = 4.3;
/// The share of the time in which vectors are compared, where that is enough for the fewest texts.
const JUDGING: f64 = 0.4;
/// Texts whose vectors are compared at the least.
const FEWEST_JUDGED: usize = 32;
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
    /// Whether it may win.
    competes: bool,
}

impl Runner<'_> {
    fn seconds_per_text(&self) -> f64 {
        self.figures.speed.map_or(f64::INFINITY, |speed| speed.seconds_per_text)
    }

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
        let contenders = &self.field.contenders;
        for (place, contender) in contenders.iter().enumerate() {
            // Two are enough to compare, and one is not.
            if self.runners.len() >= 2 && self.has_used(LOADING) {
                break;
            }
            self.enter((place, contender), contenders.get(place + 1))?;
        }
        let Some(per_text) = self.screen()? else { return Ok(()) };
        self.judge(per_text)?;
        let Some(mut n_texts) = self.first_lap(per_text) else { return Ok(()) };
        if self.field.goal == Goal::Memory {
            // What they hold can be compared after the same work only.
            self.stand.observe(Step::Laps { left: self.runners.len(), n_texts });
            return self.stage(n_texts);
        }
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

    /// Loads a contender, while the stand may already begin with the next.
    fn enter(&mut self, (place, contender): (usize, &Contender), next: Option<&Contender>) -> Result<()> {
        self.stand.observe(Step::Opening(contender));
        match self.stand.open(contender, next) {
            Ok(seat) => {
                let (contender, competes) = (contender.clone(), contender.competes);
                let (figures, laps) = (Figures::default(), Vec::new());
                self.runners.push(Runner { place, contender, seat, figures, laps, competes });
                Ok(())
            }
            Err(err) => self.fail(contender, err),
        }
    }

    /// Runs a lap of each that is just long enough to be timed as the first one runs it. Says how long that one takes for a
    /// text.
    fn screen(&mut self) -> Result<Option<f64>> {
        let most = self.stand.n_texts();
        let mut n_texts = FIRST_TEXTS.min(most);
        let per_text = loop {
            if self.runners.is_empty() {
                return Ok(None);
            }
            match self.warm_lap(0, n_texts) {
                Ok(took) if took >= LAP_SECONDS || n_texts >= most => break took / n_texts.max(1) as f64,
                Ok(_) => n_texts = (n_texts * 2).min(most),
                Err(err) => self.fail_runner(0, err)?,
            }
        };
        self.runners[0].laps = vec![per_text];
        let mut idx = 1;
        // Two are enough to compare; whoever is not seen here is not seen at all.
        while idx < self.runners.len() && (idx < 2 || !self.has_used(LOADING)) {
            match self.warm_lap(idx, n_texts) {
                Ok(took) => {
                    self.runners[idx].laps = vec![took / n_texts.max(1) as f64];
                    idx += 1;
                }
                Err(err) => self.fail_runner(idx, err)?,
            }
        }
        self.runners.iter_mut().for_each(Runner::count_laps);
        Ok(Some(per_text))
    }

    /// Seconds of a lap, after one in which memory is allocated and code is made for new shapes.
    fn warm_lap(&mut self, idx: usize, n_texts: usize) -> Result<f64> {
        let (seat, lap) = (&mut self.runners[idx].seat, Lap { n_texts, batch_tokens: None });
        seat.lap(lap)?;
        Ok(seat.lap(lap)?.as_secs_f64())
    }

    /// Compares vectors with the reference's, the fastest first: whoever is far slower than one that is exact enough is out
    /// without that. `per_text` is how many seconds the slowest takes for a text, about.
    fn judge(&mut self, per_text: f64) -> Result<()> {
        let share = JUDGING * self.limits.time.as_secs_f64() / self.runners.len().max(1) as f64;
        let most = ((share / per_text) as usize).max(FEWEST_JUDGED);
        let is_reference = |runner: &Runner<'_>| runner.contender.is_reference;
        self.runners.sort_by(|one, other| {
            let place = |runner: &Runner<'_>| (!is_reference(runner), runner.seconds_per_text());
            place(one).partial_cmp(&place(other)).unwrap_or(Ordering::Equal)
        });
        let mut best = f64::INFINITY;
        let mut idx = 0;
        while idx < self.runners.len() {
            let runner = &mut self.runners[idx];
            let seconds = runner.seconds_per_text();
            let is_race = self.field.goal != Goal::Memory;
            if is_race && !runner.contender.is_reference && best < HOPELESS * seconds {
                let runner = self.runners.remove(idx);
                self.leave(runner);
                continue;
            }
            let judged = runner.seat.vectors(most).and_then(|vectors| match &self.reference {
                Some(reference) => Ok((judge(reference, &vectors, self.limits.scores)?, vectors)),
                None => Ok((Figures { batch_difference: vectors.batch_difference()?, ..Figures::default() }, vectors)),
            });
            let (figures, vectors) = match judged {
                Ok(judged) => judged,
                Err(err) => {
                    self.fail_runner(idx, err)?;
                    continue;
                }
            };
            if runner.contender.is_reference {
                // What is wrong with the pairs is nobody's fault in the race.
                check_pairs(&vectors, self.limits.scores)?;
                self.reference = Some(vectors);
            }
            runner.figures = Figures { speed: runner.figures.speed, ..figures };
            if !runner.competes || self.field.budget.refusal(&runner.contender.candidate, &runner.figures).is_some() {
                let runner = self.runners.remove(idx);
                self.leave(runner);
            } else {
                best = best.min(seconds);
                idx += 1;
            }
        }
        Ok(())
    }

    /// How many texts make a lap that says something, where the slowest takes so many seconds for a text: several batches
    /// for each session, as far as there is time for all to run them.
    fn first_lap(&self, per_text: f64) -> Option<usize> {
        let n_laps = (self.runners.len() * (LAPS.0 + 1)) as f64;
        let in_time = (self.time_left(RACING) / (per_text * n_laps)) as usize;
        let n_texts = self.filling_texts().min(in_time).max((LAP_SECONDS / per_text) as usize).max(FIRST_TEXTS);
        (!self.runners.is_empty()).then_some(n_texts.min(self.stand.n_texts()))
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
            if lap == 1 && self.field.goal != Goal::Memory {
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
        let by_time =
            |one: &&Runner<'_>, other: &&Runner<'_>| one.seconds_per_text().total_cmp(&other.seconds_per_text());
        let Some(first) = self.runners.iter().min_by(by_time) else { return };
        let (best, slowest) = (first.seconds_per_text(), first.laps.iter().copied().fold(0.0, f64::max));
        let is_slower = |runner: &mut Runner<'_>| {
            let fastest = runner.laps.iter().copied().fold(f64::INFINITY, f64::min);
            fastest > slowest || best < FAR_BEHIND * runner.seconds_per_text()
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
            match self.stand.open(&other, None) {
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
        let may_pass = matches!(err.kind(), ErrorKind::Deadline | ErrorKind::OutOfMemory | ErrorKind::Busy);
        self.end(Trial { candidate, shape, outcome: Outcome::Failed { why: err.to_text(), may_pass } });
        Ok(())
    }

    fn end(&mut self, trial: Trial) {
        self.stand.observe(Step::Done(&trial));
        self.out.push(trial);
    }
}
