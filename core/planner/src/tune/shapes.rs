//! Other ways to run the same candidate: smaller and larger batches, fewer sessions.

use drivetrain_contract::Result;

use super::{Field, Lap, Seat, Speed};
use crate::{Goal, plan::Shape};

/// Laps of each shape.
const LAPS: usize = 3;
/// The time of another shape has to be below this share of the present one's: a difference that is not seen again is
/// not worth a batch that nobody else has tried.
const WORTH_IT: f64 = 0.98;

impl Field {
    /// Other splits of threads that are worth a trial where nobody has said which it is to be. For many texts all threads
    /// in one session, and as many sessions as threads in each; for one at a time a single thread, since threads wait for
    /// each other at every operation.
    pub(super) fn other_shapes(&self, shape: Shape) -> Vec<Shape> {
        let mut others = match self.goal {
            _ if !self.varies_splits => Vec::new(),
            Goal::Throughput => [1, shape.sessions.isqrt()].map(|sessions| Shape { sessions, ..shape }).to_vec(),
            Goal::Latency => vec![Shape { sessions: 1, threads: 1, ..shape }],
            Goal::Memory => Vec::new(),
        };
        others.dedup();
        others.retain(|other| *other != shape && other.sessions > 0);
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
/// A lap has `n_texts` texts, or fewer where there is only time to run `n_in_time` in all. Batches are varied with the base's sessions only, and not where their
/// size is given already.
///
/// # Errors
/// What the first seat that fails says.
pub(super) fn fastest_shape<'s>(
    (shape, base): (Shape, &mut Box<dyn Seat + 's>),
    others: &mut [(Shape, Box<dyn Seat + 's>)],
    (n_texts, n_in_time): (usize, usize),
    is_over: &dyn Fn() -> bool,
) -> Result<Option<(Shape, Speed)>> {
    let mut variants = vec![Variant { shape, seat: 0, laps: Vec::new() }];
    if let (None, Some(usual)) = (shape.batch_tokens, base.batch_tokens()) {
        let sizes =
            [usual / 2, usual * 2, usual * 4].map(|tokens| Shape { batch_tokens: Some(tokens.max(1)), ..shape });
        variants.extend(sizes.map(|shape| Variant { shape, seat: 0, laps: Vec::new() }));
    }
    let seats = others.iter().enumerate();
    variants.extend(seats.map(|(idx, (shape, _))| Variant { shape: *shape, seat: idx + 1, laps: Vec::new() }));
    let n_texts = n_texts.min(n_in_time / (variants.len() * (LAPS + 1)));
    if variants.len() == 1 || n_texts == 0 {
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
    let speeds = variants.iter().filter_map(|variant| Some((variant.shape, Speed::of(&variant.laps)?)));
    let fastest = speeds.min_by(|(_, one), (_, other)| one.seconds_per_text.total_cmp(&other.seconds_per_text));
    let base = Speed::of(&variants[0].laps);
    Ok(fastest.zip(base).and_then(|((fastest, speed), base)| {
        let is_faster = fastest != shape && speed.seconds_per_text < WORTH_IT * base.seconds_per_text;
        is_faster.then_some((fastest, speed))
    }))
}
