//! Races without engines.

use std::{cell::Cell, rc::Rc, time::Duration};

use drivetrain_contract::{DeviceKind, Error, ErrorKind, Precision, Result, format};

use super::*;
use crate::{
    Goal, Layer, Profile,
    plan::{Budget, Candidate, ModelFile, Shape},
};

/// How an engine that is not there behaves.
#[derive(Clone, Debug, Default)]
struct Fake {
    /// Seconds for each text.
    seconds: f64,
    /// By how much its vectors are off.
    error: f32,
    /// What it says when it is loaded, or from this lap on.
    fails: Option<(usize, ErrorKind)>,
    /// By how much a lap may be slower than it should, as a share.
    noise: f64,
    /// How many times as fast it is with this many tokens in a batch.
    likes: Option<(usize, f64)>,
    /// The same with this many sessions.
    likes_sessions: Option<(usize, f64)>,
}

/// Seconds it takes to load anything.
const LOADING: f64 = 0.5;

struct FakeStand {
    fakes: Vec<(String, Fake)>,
    clock: Rc<Cell<f64>>,
    said: Vec<String>,
}

struct FakeSeat {
    fake: Fake,
    sessions: usize,
    clock: Rc<Cell<f64>>,
    laps: usize,
}

impl Stand<'static> for FakeStand {
    fn open(&mut self, contender: &Contender, _next: Option<&Contender>) -> Result<Box<dyn Seat>> {
        self.clock.set(self.clock.get() + LOADING);
        let (_, fake) = self.fakes.iter().find(|(id, _)| *id == contender.candidate.backend).unwrap();
        match fake.fails {
            Some((0, kind)) => Err(Error::new(kind, "no")),
            _ => {
                let (fake, clock) = (fake.clone(), Rc::clone(&self.clock));
                Ok(Box::new(FakeSeat { fake, sessions: contender.shape.sessions, clock, laps: 0 }))
            }
        }
    }

    fn n_texts(&self) -> usize {
        256
    }

    fn chars_per_text(&self) -> f64 {
        600.0
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.clock.get())
    }

    fn observe(&mut self, step: Step<'_>) {
        if let Step::Done(trial) = step {
            self.said.push(trial.candidate.backend.clone());
        }
    }
}

impl Seat for FakeSeat {
    fn vectors(&mut self, most: usize) -> Result<Sampled> {
        let angle = |idx: usize| (idx * idx % 83) as f32 + if idx == 7 { self.fake.error } else { 0.0 };
        let together: Vec<f32> =
            (0..most.min(400)).flat_map(|idx| [angle(idx).to_radians().cos(), angle(idx).to_radians().sin()]).collect();
        Ok(Sampled { dim: 2, alone: together[..16].to_vec(), together, pairs: Vec::new() })
    }

    fn lap(&mut self, lap: Lap) -> Result<Duration> {
        self.laps += 1;
        if let Some((laps, kind)) = self.fake.fails.filter(|(laps, _)| self.laps >= *laps) {
            return Err(Error::new(kind, format!("no after {laps}")));
        }
        let matches = |liked: Option<(usize, f64)>, found| liked.filter(|(one, _)| Some(*one) == found);
        let (_, faster) = matches(self.fake.likes, lap.batch_tokens).unwrap_or((0, 1.0));
        let (_, by_sessions) = matches(self.fake.likes_sessions, Some(self.sessions)).unwrap_or((0, 1.0));
        // Every other lap is disturbed.
        let noise = if self.laps.is_multiple_of(2) { 1.0 + self.fake.noise } else { 1.0 };
        let seconds = self.fake.seconds * lap.n_texts as f64 * noise / faster / by_sessions;
        self.clock.set(self.clock.get() + seconds);
        Ok(Duration::from_secs_f64(seconds))
    }

    fn batch_tokens(&self) -> Option<usize> {
        Some(512)
    }

    fn peak_bytes(&mut self) -> Option<u64> {
        Some(1 << 20)
    }
}

fn contender(backend: &str, precision: Precision) -> Contender {
    let file = ModelFile { format: format::ONNX.into(), precision, path: "static.onnx".into(), bytes: 1, target: None };
    let is_reference = backend == "r";
    let (backend, device) = (backend.to_owned(), "cpu".to_owned());
    let candidate = Candidate { backend, release: None, device, kind: DeviceKind::Cpu, precision, file };
    let shape = Shape { sessions: 4, threads: 4, batch_tokens: None };
    Contender { candidate, shape, is_reference, competes: true }
}

/// Runs a field of one reference, `r`, and others in bf16 unless their name is another precision, within 20 seconds.
fn run(max_loss: &str, fakes: &[(&str, Fake)]) -> (Race, f64) {
    let profile = Profile::build(&[Layer::text(&format!("accuracy.max_loss = {max_loss}")).unwrap()]).unwrap();
    let precision = |id: &str| match id {
        "r" | "f32" => Precision::F32,
        "int8" => Precision::Int8,
        _ => Precision::Bf16,
    };
    let field = Field {
        contenders: fakes.iter().map(|(id, _)| contender(id, precision(id))).collect(),
        budget: Budget::of(&profile, Goal::Throughput),
        goal: Goal::Throughput,
        max_tokens: None,
        varies_splits: true,
    };
    let fakes = fakes.iter().map(|(id, fake)| ((*id).to_owned(), fake.clone())).collect();
    let clock = Rc::new(Cell::new(0.0));
    let mut stand = FakeStand { fakes, clock: Rc::clone(&clock), said: Vec::new() };
    let race = race(&field, &mut stand, &Limits { time: Duration::from_secs(20), scores: &[] });
    assert_eq!(stand.said.len(), race.trials.len(), "each is told of once");
    (race, clock.get())
}

fn fast(seconds: f64) -> Fake {
    Fake { seconds, noise: 0.05, ..Fake::default() }
}

fn trial<'r>(race: &'r Race, id: &str) -> &'r Trial {
    race.trials.iter().find(|trial| trial.candidate.backend == id).unwrap()
}

fn winner(race: &Race) -> &Trial {
    let timed = |trial: &&Trial| trial.seconds_per_text().unwrap_or(f64::INFINITY);
    let is_exact = |trial: &&Trial| {
        let agreement = trial.figures().and_then(|figures| figures.agreement);
        agreement.is_none_or(|agreement| agreement.cosine_min > 0.9999)
    };
    race.trials.iter().filter(is_exact).min_by(|one, other| timed(one).total_cmp(&timed(other))).unwrap()
}

#[test]
fn the_fastest_wins_by_little_and_the_slow_are_not_run_for_long() {
    let (race, took) = run("0.01", &[("r", fast(4e-3)), ("a", fast(2.0e-3)), ("b", fast(2.2e-3)), ("c", fast(9e-3))]);
    assert!(race.ended_by.is_none());
    assert_eq!(winner(&race).candidate.backend, "a");
    assert!((trial(&race, "a").seconds_per_text().unwrap() - 2e-3).abs() < 2e-4);
    assert!(trial(&race, "c").seconds_per_text().is_some(), "its figures are kept");
    assert!(took < 20.0, "{took}");
}

#[test]
fn what_loses_too_much_is_out_before_the_race() {
    let wrong = Fake { error: 5.0, ..fast(1e-4) };
    let slow = Fake { error: 5.0, ..fast(7e-3) };
    let (race, _) = run("0", &[("r", fast(4e-3)), ("wrong", wrong), ("a", fast(3e-3)), ("slow", slow)]);
    assert_eq!(trial(&race, "slow").figures().unwrap().agreement, None, "it is too slow to be worth a comparison");
    assert_eq!(winner(&race).candidate.backend, "a");
    let figures = trial(&race, "wrong").figures().unwrap();
    assert!(figures.agreement.unwrap().cosine_min < 0.999);
    assert_eq!(figures.speed.unwrap().laps, 1, "but for a first lap");
    assert_eq!(trial(&race, "r").figures().unwrap().agreement, None, "the reference is not compared with itself");
}

#[test]
fn what_is_unlikely_to_win_is_loaded_where_nothing_else_is_exact_enough() {
    let slow = || ("r", fast(8e-3));
    let (race, _) = run("0.01", &[slow(), ("int8", fast(1e-3)), ("f32", fast(4e-3))]);
    assert_eq!(winner(&race).candidate.backend, "int8");
    assert!(race.trials.iter().all(|trial| trial.candidate.backend != "f32"));
    let wrong = || Fake { error: 90.0, ..fast(1e-3) };
    let (race, _) = run("0", &[slow(), ("int8", wrong()), ("a", wrong()), ("f32", fast(4e-3))]);
    assert_eq!(winner(&race).candidate.backend, "f32");
    assert!(trial(&race, "f32").figures().unwrap().agreement.is_some(), "it is compared on the same texts");
}

#[test]
fn who_fails_is_out_and_the_others_go_on() {
    let late = Fake { fails: Some((4, ErrorKind::Internal)), ..fast(1e-3) };
    let never = Fake { fails: Some((0, ErrorKind::Unsupported)), ..fast(1e-3) };
    let (race, _) = run("0", &[("r", fast(4e-3)), ("late", late), ("never", never), ("a", fast(2e-3))]);
    assert!(race.ended_by.is_none());
    assert_eq!(winner(&race).candidate.backend, "a");
    for id in ["late", "never"] {
        assert!(matches!(&trial(&race, id).outcome, Outcome::Failed { why, .. } if why.starts_with("no")), "{id}");
    }
}

#[test]
fn asked_to_stop_it_keeps_what_is_known() {
    let stops = Fake { fails: Some((6, ErrorKind::Cancelled)), ..fast(2.02e-3) };
    let (race, _) = run("0", &[("r", fast(4e-3)), ("a", fast(2e-3)), ("stops", stops)]);
    assert_eq!(race.ended_by.unwrap().kind(), ErrorKind::Cancelled);
    assert_eq!(race.trials.len(), 3);
    assert!(race.trials.iter().all(|trial| trial.figures().is_some()));
}

#[test]
fn time_is_kept_however_slow_they_are() {
    let slow: Vec<(&str, Fake)> =
        ["r", "a", "b", "c", "d", "e", "f", "g"].into_iter().map(|id| (id, fast(0.4))).collect();
    let (race, took) = run("0", &slow);
    // What is being run when time is over is run to its end.
    assert!(took < 20.0 + 2.0 * 4.0 * 0.4, "{took}");
    assert!(race.trials.len() >= 2);
}

#[test]
fn the_winner_gets_the_shape_it_likes() {
    let shape_of = |fake: Fake| winner(&run("0", &[("r", fast(4e-3)), ("a", fake)]).0).shape;
    let shape = Shape { sessions: 4, threads: 4, batch_tokens: None };
    assert_eq!(shape_of(fast(2e-3)), shape);
    let batches = Fake { likes: Some((1024, 1.2)), ..fast(2e-3) };
    assert_eq!(shape_of(batches), Shape { batch_tokens: Some(1024), ..shape });
    let sessions = Fake { likes_sessions: Some((2, 1.2)), ..fast(2e-3) };
    assert_eq!(shape_of(sessions), Shape { sessions: 2, ..shape });
    let hardly = Fake { likes: Some((1024, 1.01)), noise: 0.0, ..fast(2e-3) };
    assert_eq!(shape_of(hardly), shape, "not worth it");
}

#[test]
fn nobody_and_one_alone_are_races_too() {
    let (race, _) = run("0", &[("r", fast(1e-3))]);
    assert!(race.ended_by.is_none() && race.trials[0].seconds_per_text().is_some());
    let (race, _) = run("0", &[]);
    assert!(race.ended_by.is_none() && race.trials.is_empty());
}
