//! Other ways to run the same candidate: smaller and larger batches, fewer sessions.

use std::ops::RangeInclusive;

use drivetrain_contract::Result;

use super::{Field, Lap, Seat, Speed};
use crate::{Goal, plan::Shape};

/// Laps of each shape.
const LAPS: usize = 3;
/// The time of another shape has to be below this share of the present one's: a difference that is not seen again is
/// not worth a batch that nobody else has tried.
const WORTH_IT: f64 = 0.97;

impl Field {
    /// Other splits of threads that are worth a trial where nobody has said which it is to be. For many texts all threads
    /// in one session, and as many sessions as threads in each; for one at a time a single thread and half of them,
    /// since threads wait for each other at every operation.
    pub(super) fn other_shapes(&self, shape: Shape) -> Vec<Shape> {
        let mut others = match self.goal {
            _ if !self.varies_splits => Vec::new(),
            Goal::Throughput => [1, shape.sessions.isqrt()].map(|sessions| Shape { sessions, ..shape }).to_vec(),
            Goal::Latency => [1, shape.threads / 2].map(|threads| Shape { sessions: 1, threads, ..shape }).to_vec(),
            Goal::Memory => Vec::new(),
        };
        others.dedup();
        others.retain(|other| *other != shape && other.sessions > 0 && other.threads > 0);
        others
    }
}

/// A shape that is tried, and on whose seat.
struct Variant {
    shape: Shape,
    /// 0 is the base, and the others follow.
    seat: usize,
    laps: Vec<f64>,
}

/// The fastest shape and its speed, if another one is faster than the base by more than noise.
///
/// A lap has as many of `n_texts` as let all laps together run `n_in_time` texts; where those are fewer than its least,
/// nothing is tried. Batches are varied with the base's sessions only, and not where their size is given already.
///
/// # Errors
/// What the first seat that fails says.
pub(super) fn fastest_shape<'s>(
    (shape, base): (Shape, &mut Box<dyn Seat + 's>),
    others: &mut [(Shape, Box<dyn Seat + 's>)],
    (n_texts, n_in_time): (RangeInclusive<usize>, usize),
    is_over: &dyn Fn() -> bool,
) -> Result<Option<(Shape, Speed)>> {
    let mut variants = vec![Variant { shape, seat: 0, laps: Vec::new() }];
    if let (None, Some(usual)) = (shape.batch_tokens, base.batch_tokens()) {
        let sizes = [usual / 2, usual * 2].map(|tokens| Shape { batch_tokens: Some(tokens.max(1)), ..shape });
        variants.extend(sizes.map(|shape| Variant { shape, seat: 0, laps: Vec::new() }));
    }
    let seats = others.iter().enumerate();
    variants.extend(seats.map(|(idx, (shape, _))| Variant { shape: *shape, seat: idx + 1, laps: Vec::new() }));
    let (least, n_texts) = (*n_texts.start(), (*n_texts.end()).min(n_in_time / (variants.len() * (LAPS + 1))));
    if variants.len() == 1 || n_texts < least.max(1) {
        return Ok(None);
    }
    'laps: for lap in 0..=LAPS {
        for variant in &mut variants {
            if is_over() {
                break 'laps;
            }
            let seat = if variant.seat == 0 { &mut *base } else { &mut others[variant.seat - 1].1 };
            let took = seat.lap(Lap { n_texts, batch_tokens: variant.shape.batch_tokens })?;
            // The first one warms up.
            if lap > 0 {
                variant.laps.push(took.as_secs_f64() / n_texts.max(1) as f64);
            }
        }
    }
    let median = |variant: &Variant| Speed::of(&variant.laps).map(|speed| speed.seconds_per_text);
    let least = |variant: &Variant| variant.laps.iter().copied().fold(f64::INFINITY, f64::min);
    let base = &variants[0];
    let Some(time) = median(base) else { return Ok(None) };
    // A lap that was disturbed moves the median of three, and hardly the least as well.
    let is_faster = |other: &&Variant| {
        median(other).is_some_and(|one| one < WORTH_IT * time) && least(other) < WORTH_IT * least(base)
    };
    let faster = variants[1..].iter().filter(is_faster);
    let fastest = faster.min_by(|one, other| median(one).unwrap_or(time).total_cmp(&median(other).unwrap_or(time)));
    Ok(fastest.and_then(|variant| Some((variant.shape, Speed::of(&variant.laps)?))))
}
