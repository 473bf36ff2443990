//! One budget of threads, shared out over sessions.

use std::{num::NonZeroUsize, thread};

use drivetrain_contract::{Backend, Call, Error, Model, Result, Session, SessionGroup, SessionOptions};

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
    fn the_budget_is_used_up_and_never_exceeded() {
        check(8, 1, &[8]);
        check(8, 3, &[3, 3, 2]);
        check(2, 5, &[1, 1]);
    }
}
