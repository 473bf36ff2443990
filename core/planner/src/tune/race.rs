//! Who is fastest, within the time there is.

use std::{cmp::Ordering, time::Duration};

use drivetrain_contract::{Error, ErrorKind, Result};

use super::{
    Contender, Field, Figures, Lap, Outcome, Sampled, Seat, Speed, Stand, Step, Trial,
    contender::predicted_speed,
    judge::{check_pairs, judge},
    shapes::fastest_shape,
};
use crate::{Goal, plan::Shape};

/// Seconds that a lap of the fastest takes at least, so that what a clock and a scheduler do matters little.
const LAP_SECONDS: f64 = 0.05;
/// Texts of the first lap.
const FIRST_TEXTS: usize = 4;
/// Laps of each stage, after one that warms up, and by how much a runner has to be slower than the first to drop out after
/// it, beyond what laps differ by: a lap has few batches, whose ends favour one or the other.
const STAGES: [(usize, f64); 3] = [(2, 0.06), (3, 0.03), (3, 0.0)];
/// Laps of which the fastest is the first that counts.
const WARMING: usize = 4;
/// Whoever is slower than this share of the first in that lap is not in the race.
const FAR_BEHIND: f64 = 0.7;
/// Whoever is slower than this share of one that is exact enough is not even judged.
const HOPELESS: f64 = 0.5;
/// Whoever is expected to be slower than this share of the fastest is loaded only where none of those is exact enough.
const UNLIKELY: f64 = 0.5;
/// Batches that each session runs in a lap: with fewer, how the work begins and ends is most of what is seen.
const BATCHES: f64 = 4.0;
/// Characters in a token of English, about.
const CHARS_PER_TOKEN: f64 = 4.3;
/// The share of the time in which vectors are compared, where that is enough for the fewest texts.
const JUDGING: f64 = 0.4;
/// Texts whose vectors are compared at the least.
const FEWEST_JUDGED: usize = 32;
/// The share of the time after which nothing more is loaded.
const LOADING: f64 = 0.5;
/// The share of the time after which the winner stands as it is, but for its shape.
const RACING: f64 = 0.75;
/// The share of the time after which nothing more is begun, since what is being run is run to its end.
const FINISHING: f64 = 0.9;

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
    let mut race =
        Running { field, stand, limits, reference: None, n_judged: None, runners: Vec::new(), out: Vec::new() };
    let ended_by = race.run().err();
    let left: Vec<(usize, f64)> = race.runners.iter().map(|one| (one.place, one.seconds_per_text())).collect();
    race.runners.sort_by_key(|runner| runner.place);
    for runner in std::mem::take(&mut race.runners) {
        race.leave(runner, None);
    }
    let level = |(mut trial, behind): (Trial, Option<Behind>)| {
        let leader =
            behind.and_then(|behind| Some((behind.times, left.iter().find(|(place, _)| *place == behind.leader)?.1)));
        if let (Outcome::Ran(Figures { speed: Some(speed), .. }), Some((times, seconds))) = (&mut trial.outcome, leader)
        {
            // It ran other texts at another time than the one that went on, and was slower on the same.
            speed.seconds_per_text = speed.seconds_per_text.max(seconds * times);
        }
        trial
    };
    Race { trials: race.out.into_iter().map(level).collect(), ended_by }
}

/// Why one dropped out: it was slower than another.
#[derive(Clone, Copy)]
struct Behind {
    /// How many times as long it took.
    times: f64,
    /// The place of the other among the contenders.
    leader: usize,
}

/// One that is loaded and still in the race.
struct Runner<'s> {
    /// Its place among the contenders.
    place: usize,
    contender: Contender,
    seat: Box<dyn Seat + 's>,
    figures: Figures,
    /// Seconds for each text, of each lap on the texts of the race.
    laps: Vec<f64>,
    /// Whether its vectors were compared.
    is_judged: bool,
}

impl Runner<'_> {
    fn seconds_per_text(&self) -> f64 {
        self.figures.speed.map_or(f64::INFINITY, |speed| speed.seconds_per_text)
    }

    /// The laps that count: not the first, which warms up, where there are others.
    fn timed(&self) -> &[f64] {
        &self.laps[usize::from(self.laps.len() > 1)..]
    }

    /// Takes the laps as figures.
    fn count_laps(&mut self) {
        self.figures.speed = Speed::of(self.timed()).or(self.figures.speed);
    }
}

struct Running<'r, 's> {
    field: &'r Field,
    stand: &'r mut dyn Stand<'s>,
    limits: &'r Limits<'r>,
    reference: Option<Sampled>,
    /// Texts whose vectors are compared, once that is settled.
    n_judged: Option<usize>,
    runners: Vec<Runner<'s>>,
    /// What is known of those that are out, and why, where they were slower.
    out: Vec<(Trial, Option<Behind>)>,
}

impl<'s> Running<'_, 's> {
    fn run(&mut self) -> Result<()> {
        let best = self.field.contenders.iter().map(|one| predicted_speed(&one.candidate)).fold(0.0, f64::max);
        let is_likely = |one: &Contender| one.is_reference || predicted_speed(&one.candidate) >= UNLIKELY * best;
        let mut per_text = 0.0;
        for likely in [true, false] {
            // One alone may be the reference, which others in 32-bit floats may beat.
            if !likely && self.runners.len() > 1 {
                break;
            }
            self.enter_all(|one| is_likely(one) == likely)?;
            let Some(slowest) = self.screen()? else { continue };
            per_text = slowest;
            self.judge(per_text)?;
        }
        let Some(n_texts) = self.lap_texts(per_text) else { return Ok(()) };
        if self.field.goal != Goal::Memory {
            self.drop_slower(1.0 / FAR_BEHIND - 1.0);
        }
        self.lap(n_texts)?;
        for (laps, margin) in STAGES {
            // One that is alone is timed all the same, to be tried in other shapes.
            let has_laps = self.runners.iter().any(|runner| runner.laps.len() > 1);
            if self.runners.is_empty() || (self.runners.len() == 1 && has_laps) || self.has_used(RACING) {
                break;
            }
            self.stand.observe(Step::Laps { left: self.runners.len(), n_texts });
            self.stage(laps, n_texts)?;
            // What they hold can be compared after the same work only.
            if self.field.goal == Goal::Memory {
                return Ok(());
            }
            self.drop_slower(margin);
        }
        self.vary(n_texts)
    }

    /// Loads contenders, while the stand may already begin with the next.
    fn enter_all(&mut self, is_wanted: impl Fn(&Contender) -> bool) -> Result<()> {
        let field = self.field;
        let mut wanted = field.contenders.iter().enumerate().filter(|(_, one)| is_wanted(one)).peekable();
        while let Some((place, contender)) = wanted.next() {
            // Two are enough to compare, and one is not.
            if self.runners.len() >= 2 && self.has_used(LOADING) {
                break;
            }
            self.enter((place, contender), wanted.peek().map(|(_, next)| *next))?;
        }
        Ok(())
    }

    fn enter(&mut self, (place, contender): (usize, &Contender), next: Option<&Contender>) -> Result<()> {
        self.stand.observe(Step::Opening(contender));
        match self.stand.open(contender, next) {
            Ok(seat) => {
                let (contender, figures) = (contender.clone(), Figures::default());
                let runner = Runner { place, contender, seat, figures, laps: Vec::new(), is_judged: false };
                self.runners.push(runner);
                Ok(())
            }
            Err(err) => self.fail(contender, err),
        }
    }

    /// Runs a lap of each that is new, just long enough to be timed as the first one runs it. Says how long that one takes
    /// for a text; `None` where there is nobody.
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
        let mut idx = 0;
        // Two are enough to compare; whoever is not seen here is not seen at all.
        while idx < self.runners.len() && (idx < 2 || !self.has_used(LOADING)) {
            let took = match idx {
                0 => Ok(per_text * n_texts as f64),
                _ if self.runners[idx].is_judged => {
                    idx += 1;
                    continue;
                }
                _ => self.warm_lap(idx, n_texts),
            };
            match took {
                Ok(took) => {
                    self.runners[idx].figures.speed = Speed::of(&[took / n_texts.max(1) as f64]);
                    idx += 1;
                }
                Err(err) => self.fail_runner(idx, err)?,
            }
        }
        Ok(Some(per_text))
    }

    /// Seconds of the fastest of some laps: in the first ones memory is allocated and code is made, in each session for each
    /// shape that it meets.
    fn warm_lap(&mut self, idx: usize, n_texts: usize) -> Result<f64> {
        let (seat, lap) = (&mut self.runners[idx].seat, Lap { n_texts, batch_tokens: None });
        let mut least = f64::INFINITY;
        for _ in 0..WARMING {
            least = least.min(seat.lap(lap)?.as_secs_f64());
        }
        Ok(least)
    }

    /// Compares vectors with the reference's, the fastest first: whoever is far slower than one that is exact enough is out
    /// without that. `per_text` is how many seconds the slowest takes for a text, about.
    fn judge(&mut self, per_text: f64) -> Result<()> {
        let share = JUDGING * self.limits.time.as_secs_f64() / self.runners.len().max(1) as f64;
        // As many for those that enter later as for the reference.
        let most = *self.n_judged.get_or_insert(((share / per_text) as usize).max(FEWEST_JUDGED));
        let is_reference = |runner: &Runner<'_>| runner.contender.is_reference;
        self.runners.sort_by(|one, other| {
            let place = |runner: &Runner<'_>| (!is_reference(runner), runner.seconds_per_text());
            place(one).partial_cmp(&place(other)).unwrap_or(Ordering::Equal)
        });
        let (mut best, mut leader) = (f64::INFINITY, 0);
        let mut idx = 0;
        while idx < self.runners.len() {
            let runner = &mut self.runners[idx];
            let seconds = runner.seconds_per_text();
            if runner.is_judged {
                (best, leader) = if seconds < best { (seconds, runner.place) } else { (best, leader) };
                idx += 1;
                continue;
            }
            let is_race = self.field.goal != Goal::Memory;
            if is_race && !runner.contender.is_reference && best < HOPELESS * seconds {
                let runner = self.runners.remove(idx);
                self.leave(runner, Some(Behind { times: seconds / best, leader }));
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
            runner.is_judged = true;
            runner.figures = Figures { speed: runner.figures.speed, ..figures };
            let Contender { candidate, competes, .. } = &runner.contender;
            if !competes || self.field.budget.refusal(candidate, &runner.figures).is_some() {
                let runner = self.runners.remove(idx);
                self.leave(runner, None);
            } else {
                (best, leader) = if seconds < best { (seconds, runner.place) } else { (best, leader) };
                idx += 1;
            }
        }
        Ok(())
    }

    /// How many texts make a lap that says something, where the slowest takes so many seconds for a text: several batches
    /// for each session, as far as there is time for all to run them. `None` where there is nobody.
    fn lap_texts(&self, per_text: f64) -> Option<usize> {
        let n_laps = (self.runners.len() * (STAGES[0].0 + 1)) as f64;
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

    /// Some laps of each in turn. Those of a round that there was no time to end are left out, but for the first.
    fn stage(&mut self, laps: usize, n_texts: usize) -> Result<()> {
        for _ in 0..laps {
            let before = self.runners.first().map_or(0, |runner| runner.laps.len());
            if !self.lap(n_texts)? && before > 0 {
                self.runners.iter_mut().for_each(|runner| runner.laps.truncate(before));
                break;
            }
        }
        self.runners.iter_mut().for_each(Runner::count_laps);
        Ok(())
    }

    /// A lap of each; whether there was time for all.
    fn lap(&mut self, n_texts: usize) -> Result<bool> {
        let mut idx = 0;
        while idx < self.runners.len() {
            if self.has_used(RACING) {
                return Ok(false);
            }
            match self.runners[idx].seat.lap(Lap { n_texts, batch_tokens: None }) {
                Ok(took) => {
                    self.runners[idx].laps.push(took.as_secs_f64() / n_texts.max(1) as f64);
                    idx += 1;
                }
                Err(err) => self.fail_runner(idx, err)?,
            }
        }
        Ok(true)
    }

    /// Lets those go that are slower than the first by more than a share of its time, and beyond what laps differ by.
    fn drop_slower(&mut self, margin: f64) {
        let by_time =
            |one: &&Runner<'_>, other: &&Runner<'_>| one.seconds_per_text().total_cmp(&other.seconds_per_text());
        let Some(first) = self.runners.iter().min_by(by_time) else { return };
        let leader = first.place;
        let (best, slowest) = (first.seconds_per_text(), first.timed().iter().copied().fold(0.0, f64::max));
        let is_slower = |runner: &mut Runner<'_>| {
            let fastest = runner.timed().iter().copied().fold(f64::INFINITY, f64::min);
            fastest > slowest && runner.seconds_per_text() > best * (1.0 + margin)
        };
        let gone: Vec<Runner<'s>> = self.runners.extract_if(.., is_slower).collect();
        for runner in gone {
            let times = runner.seconds_per_text() / best;
            self.leave(runner, Some(Behind { times, leader }));
        }
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
        let limit = self.limits.time.mul_f64(FINISHING);
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

    /// Closes one and keeps what is known of it, and why it is out, where it was slower.
    fn leave(&mut self, mut runner: Runner<'_>, behind: Option<Behind>) {
        runner.figures.peak_bytes = runner.seat.peak_bytes();
        let Contender { candidate, shape, .. } = runner.contender;
        self.end(Trial { candidate, shape, outcome: Outcome::Ran(runner.figures) }, behind);
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
        self.end(Trial { candidate, shape, outcome: Outcome::Failed { why: err.to_text(), may_pass } }, None);
        Ok(())
    }

    fn end(&mut self, trial: Trial, behind: Option<Behind>) {
        self.stand.observe(Step::Done(&trial));
        self.out.push((trial, behind));
    }
}
