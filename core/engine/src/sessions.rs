//! One budget of threads, shared out over sessions.

use std::{num::NonZeroUsize, thread};

use drivetrain_contract::{
    Backend, Call, Capabilities, Device, DeviceKind, Error, Model, Result, Session, SessionGroup, SessionOptions,
};

/// What an engine is to be good at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// Few texts at a time, soon: one session, with all threads.
    #[default]
    Latency,
    /// Many texts: on the processor a session for each thread, since threads that share a run wait for each other at
    /// every operation. Each holds the weights once more, so that large models get fewer.
    Throughput,
}

/// Most bytes of weights that sessions beyond the first may add, where the profile does not name their number.
const MORE_WEIGHTS: u64 = 2 << 30;

impl Goal {
    /// How many sessions serve this goal on a device, for a model of so many bytes.
    ///
    /// Several only on the processor: another device has one queue, which one session fills.
    pub(crate) fn sessions(self, threads: NonZeroUsize, device: &Device, model_bytes: u64) -> NonZeroUsize {
        let several = device.kind == DeviceKind::Cpu && device.capabilities.contains(Capabilities::MULTI_INSTANCE);
        if self == Goal::Latency || !several {
            return NonZeroUsize::MIN;
        }
        let room = usize::try_from(MORE_WEIGHTS / model_bytes.max(1)).unwrap_or(usize::MAX);
        NonZeroUsize::MIN.saturating_add(room).min(threads)
    }
}

/// Threads of each of `n_sessions` sessions: as even as the budget allows, and no more sessions than threads.
pub(crate) fn shares(budget: NonZeroUsize, n_sessions: NonZeroUsize) -> Vec<NonZeroUsize> {
    let n_sessions = n_sessions.min(budget).get();
    let (each, more) = (budget.get() / n_sessions, budget.get() % n_sessions);
    (0..n_sessions).filter_map(|idx| NonZeroUsize::new(each + usize::from(idx < more))).collect()
}

/// Creates a session for each share, side by side: most of the time goes into reading and rearranging weights.
///
/// # Errors
/// What the first session that fails says.
pub(crate) fn create(
    backend: &dyn Backend,
    model: &Model,
    options: &SessionOptions,
    shares: &[NonZeroUsize],
    call: &dyn Call,
) -> Result<Vec<Box<dyn Session>>> {
    let group = SessionGroup::new(shares.len(), shares.iter().map(|share| share.get()).sum());
    let create = |&threads: &NonZeroUsize| {
        backend.create_session(model, &SessionOptions { threads, group, ..options.clone() }, call)
    };
    if let [only] = shares {
        return Ok(vec![create(only)?]);
    }
    thread::scope(|scope| {
        let creating: Vec<_> = shares.iter().map(|share| scope.spawn(move || create(share))).collect();
        let panicked = || Error::internal("a thread that creates a session panicked");
        creating.into_iter().map(|session| session.join().unwrap_or_else(|_| Err(panicked()))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(budget: usize, n_sessions: usize, expect: &[usize]) {
        let number = |number| NonZeroUsize::new(number).unwrap();
        let shares: Vec<usize> =
            shares(number(budget), number(n_sessions)).into_iter().map(NonZeroUsize::get).collect();
        assert_eq!(shares, expect);
    }

    #[test]
    fn several_sessions_are_for_many_texts_on_the_processor() {
        let threads = NonZeroUsize::new(8).unwrap();
        let several = Capabilities::MULTI_INSTANCE | Capabilities::PADDED_IN;
        let cpu = Device::cpu("processor", drivetrain_contract::Precisions::F32, several);
        let gpu = Device { kind: DeviceKind::Gpu, ..cpu.clone() };
        let number = |goal: Goal, device, bytes| goal.sessions(threads, device, bytes).get();
        assert_eq!(number(Goal::Throughput, &cpu, 90_000_000), 8);
        assert_eq!(number(Goal::Throughput, &cpu, 1_200_000_000), 2);
        assert_eq!(number(Goal::Throughput, &cpu, 9_000_000_000), 1);
        assert_eq!(number(Goal::Latency, &cpu, 90_000_000), 1);
        assert_eq!(number(Goal::Throughput, &gpu, 1), 1);
    }

    #[test]
    fn the_budget_is_used_up_and_never_exceeded() {
        check(8, 1, &[8]);
        check(8, 3, &[3, 3, 2]);
        check(2, 5, &[1, 1]);
    }
}
