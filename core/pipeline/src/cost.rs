//! What a batch costs, learned from runs.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Seconds of a padded batch of `B` texts and `L` tokens each: `fixed + token · B · L + pair · B · L²`.
///
/// The last term is attention, which looks at every pair of tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) fixed: f64,
    pub(crate) token: f64,
    pub(crate) pair: f64,
}

impl Cost {
    /// Before anything was measured, in units of a token: a run costs as much as 10 tokens (small models: 7 to 8; with a
    /// price that is too high, texts are padded to spare runs), and attention doubles the cost of a text of 2,500 tokens,
    /// as in a transformer of 384 dimensions (12 · 384² · 2 multiplications for a token in a layer against 4 · 384 for a
    /// pair).
    pub(crate) const PRIOR: Self = Self { fixed: 10.0, token: 1.0, pair: 4e-4 };

    /// What a run costs at the least, in tokens. Batches cut with the prior are all of about as many tokens, which
    /// leaves the fixed cost to chance, and texts that run one by one for nothing waste 3 %. Measured with a model of 6
    /// layers of 384 dimensions: 7 to 8 tokens.
    const LEAST_RUN: f64 = 8.0;

    /// The cost of a batch.
    pub(crate) fn of(&self, size: usize, length: usize) -> f64 {
        let tokens = (size * length) as f64;
        self.fixed + tokens * (self.token + self.pair * length as f64)
    }
}

/// Learns a [`Cost`] from the first runs by least squares, then keeps it: a job that is interrupted and continued cuts
/// the same batches as one that is not.
#[derive(Debug, Default)]
pub(crate) struct CostMeter {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sums: Sums,
    settled: Option<Settled>,
}

/// What was learned, and from which window on it is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settled {
    pub(crate) cost: Cost,
    pub(crate) from: u64,
}

/// Runs before an estimate: fewer say nothing about three numbers.
const ENOUGH: u32 = 12;

impl CostMeter {
    /// Takes note of one run.
    pub(crate) fn observe(&self, size: usize, length: usize, took: Duration) {
        let mut state = self.lock();
        if state.settled.is_none() {
            state.sums.add(size, length, took.as_secs_f64().max(1e-9));
        }
    }

    /// The cost to cut a window with.
    pub(crate) fn cost_for(&self, sequence: u64) -> Cost {
        match self.lock().settled {
            Some(settled) if sequence >= settled.from => settled.cost,
            _ => Cost::PRIOR,
        }
    }

    /// Settles what the runs so far say, to be used from the window `from` on, if they say enough.
    pub(crate) fn settle(&self, from: u64) {
        let mut state = self.lock();
        if state.settled.is_none() && state.sums.n_runs >= ENOUGH {
            // Runs of one shape cannot tell the three numbers apart, and then the prior's ratios are as good as any.
            let cost = state.sums.solve().unwrap_or(Cost::PRIOR);
            state.settled = Some(Settled { cost, from });
        }
    }

    /// What was settled, if anything.
    pub(crate) fn settled(&self) -> Option<Settled> {
        self.lock().settled
    }

    /// Begins a stream: with what an earlier part of it settled, else with what is known from other streams.
    pub(crate) fn begin(&self, earlier: Option<Settled>) {
        let mut state = self.lock();
        state.settled = earlier.or(state.settled.map(|settled| Settled { from: 0, ..settled }));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The normal equations of `seconds = Σ cost · feature`, with features `1`, `B · L` and `B · L²`.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n_runs: u32,
    matrix: [[f64; 3]; 3],
    vector: [f64; 3],
}

impl Sums {
    fn add(&mut self, size: usize, length: usize, seconds: f64) {
        let (tokens, length) = ((size * length) as f64, length as f64);
        let features = [1.0, tokens, tokens * length];
        // Large and small batches matter alike, so it is the relative error that is made small.
        let weight = seconds.powi(-2);
        for (row, feature) in features.iter().enumerate() {
            for (column, other) in features.iter().enumerate() {
                self.matrix[row][column] += weight * feature * other;
            }
            self.vector[row] += weight * feature * seconds;
        }
        self.n_runs = self.n_runs.saturating_add(1);
    }

    /// Least squares with no number below 0: one that comes out negative is left out and the others solved again.
    fn solve(&self) -> Option<Cost> {
        let mut used = [true; 3];
        loop {
            let solution = self.solve_for(used)?;
            let negative = (0..3).filter(|&idx| used[idx] && solution[idx] < 0.0);
            match negative.min_by(|&a, &b| solution[a].total_cmp(&solution[b])) {
                Some(idx) if idx != 1 => used[idx] = false,
                Some(_) => return None,
                None => {
                    let [fixed, token, pair] = solution;
                    let fixed = fixed.max(Cost::LEAST_RUN * token);
                    return (token > 0.0).then_some(Cost { fixed, token, pair });
                }
            }
        }
    }

    /// Gaussian elimination over the features in use, scaled to a diagonal of ones so that pivots can be judged.
    fn solve_for(&self, used: [bool; 3]) -> Option<[f64; 3]> {
        let scale: [f64; 3] = std::array::from_fn(|idx| self.matrix[idx][idx].sqrt());
        let mut rows: [[f64; 4]; 3] = std::array::from_fn(|row| {
            std::array::from_fn(|column| match column {
                3 if used[row] => self.vector[row] / scale[row],
                3 => 0.0,
                _ if used[row] && used[column] => self.matrix[row][column] / (scale[row] * scale[column]),
                _ => f64::from(u8::from(row == column)),
            })
        });
        for pivot in 0..3 {
            // Batches of one shape only cannot tell the features apart.
            if rows[pivot][pivot] < 1e-9 {
                return None;
            }
            for row in pivot + 1..3 {
                let factor = rows[row][pivot] / rows[pivot][pivot];
                let above = rows[pivot];
                rows[row].iter_mut().zip(above).for_each(|(number, above)| *number -= factor * above);
            }
        }
        let mut solution = [0.0; 3];
        for row in (0..3).rev() {
            let known: f64 = (row + 1..3).map(|column| rows[row][column] * solution[column]).sum();
            solution[row] = (rows[row][3] - known) / rows[row][row];
        }
        Some(std::array::from_fn(|idx| if used[idx] { solution[idx] / scale[idx] } else { 0.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(truth: Cost, noise: f64, tolerance: f64) {
        let meter = CostMeter::default();
        let mut sign = 1.0;
        for size in [1, 2, 4, 8, 16, 32] {
            for length in [4, 16, 60, 128, 256] {
                sign = -sign;
                let seconds = truth.of(size, length) * (1.0 + sign * noise);
                meter.observe(size, length, Duration::from_secs_f64(seconds));
            }
        }
        meter.settle(5);
        assert_eq!(meter.cost_for(4), Cost::PRIOR);
        let found = meter.cost_for(5);
        for (size, length) in [(3, 10), (10, 100), (5, 250)] {
            let ratio = found.of(size, length) / truth.of(size, length);
            assert!((ratio - 1.0).abs() <= tolerance, "{found:?} for {truth:?}: {ratio}");
        }
    }

    #[test]
    fn known_costs_are_found_again() {
        check(Cost { fixed: 1e-3, token: 8e-5, pair: 3e-8 }, 0.0, 1e-3);
        check(Cost { fixed: 8e-6, token: 1e-6, pair: 0.0 }, 0.0, 1e-3);
        check(Cost { fixed: 5e-3, token: 8e-5, pair: 0.0 }, 0.2, 0.15);
    }

    #[test]
    fn a_run_is_never_free() {
        let meter = CostMeter::default();
        for (size, length) in (1..=30).map(|step| (step, 1 + step * 7 % 60)) {
            meter.observe(size, length, Duration::from_micros((size * length) as u64));
        }
        meter.settle(0);
        let cost = meter.cost_for(0);
        assert!((cost.fixed / cost.token / Cost::LEAST_RUN - 1.0).abs() < 1e-6, "{cost:?}");
    }

    #[test]
    fn too_few_or_too_uniform_runs_leave_the_prior() {
        let meter = CostMeter::default();
        meter.settle(0);
        assert_eq!(meter.settled(), None);
        (0..100).for_each(|_| meter.observe(8, 32, Duration::from_millis(3)));
        meter.settle(0);
        assert_eq!(meter.cost_for(0), Cost::PRIOR);
    }

    #[test]
    fn what_is_settled_stays_and_can_be_handed_on() {
        let (meter, settled) =
            (CostMeter::default(), Settled { cost: Cost { fixed: 1.0, token: 2.0, pair: 3.0 }, from: 7 });
        meter.begin(Some(settled));
        (0..100).for_each(|run| meter.observe(1 + run % 7, 32, Duration::from_millis(3)));
        meter.settle(0);
        assert_eq!(meter.settled(), Some(settled));
        meter.begin(None);
        assert_eq!(meter.cost_for(0), settled.cost);
    }

    #[test]
    fn numbers_are_never_negative() {
        let meter = CostMeter::default();
        for (size, length, micros) in [(1, 10, 100), (2, 20, 90), (4, 40, 80), (8, 80, 70), (1, 100, 10), (9, 9, 500)] {
            (0..4).for_each(|_| meter.observe(size, length, Duration::from_micros(micros)));
        }
        meter.settle(0);
        let cost = meter.cost_for(0);
        assert!(cost.fixed >= 0.0 && cost.token > 0.0 && cost.pair >= 0.0, "{cost:?}");
    }
}
