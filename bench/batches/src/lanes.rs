//! Several sessions side by side, each taking the next batch when it is done with one.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow};

/// What `run` gives for every batch, with the batch's index, in no order.
///
/// The first session works on the calling thread, each other one on a thread of its own.
///
/// # Errors
/// What `run` fails with, and no session at all.
pub fn run_all<S: Send, B: Sync, T: Send>(
    sessions: &mut [S],
    batches: &[B],
    run: impl Fn(&mut S, &B) -> Result<T> + Sync,
) -> Result<Vec<(usize, T)>> {
    let next = AtomicUsize::new(0);
    let work = |session: &mut S| -> Result<Vec<(usize, T)>> {
        let mut done = Vec::new();
        loop {
            let idx = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(idx) else { return Ok(done) };
            done.push((idx, run(session, batch)?));
        }
    };
    let (first, others) = sessions.split_first_mut().context("no session")?;
    thread::scope(|scope| {
        let others: Vec<_> = others.iter_mut().map(|session| scope.spawn(|| work(session))).collect();
        let mut done = work(first)?;
        for other in others {
            done.extend(other.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(done)
    })
}

/// Rows of `dim` numbers, put at the index of their texts.
pub fn in_order<'a>(
    (n_texts, dim): (usize, usize),
    parts: impl IntoIterator<Item = (&'a [usize], Vec<f32>)>,
) -> Vec<f32> {
    let mut vectors = vec![0.0; n_texts * dim];
    for (texts, rows) in parts {
        for (&text, row) in texts.iter().zip(rows.chunks_exact(dim)) {
            vectors[text * dim..][..dim].copy_from_slice(row);
        }
    }
    vectors
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn every_batch_is_run_once_and_rows_go_where_their_texts_are() {
        let batches: Vec<Vec<usize>> = vec![vec![3, 1], vec![0], vec![2]];
        for n_sessions in 1..=4 {
            let mut runs = vec![0_usize; n_sessions];
            let run = |runs: &mut usize, batch: &Vec<usize>| {
                *runs += 1;
                Ok(batch.iter().flat_map(|&text| [text as f32, -(text as f32)]).collect::<Vec<f32>>())
            };
            let done = run_all(&mut runs, &batches, run).unwrap();
            assert_eq!(runs.iter().sum::<usize>(), 3);
            let parts = done.into_iter().map(|(idx, rows)| (batches[idx].as_slice(), rows));
            assert_eq!(in_order((4, 2), parts), [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]);
        }
    }

    #[test]
    fn failures_are_handed_on() {
        assert!(run_all(&mut [(); 2], &[(), ()], |(), ()| -> Result<()> { bail!("no") }).is_err());
        assert!(run_all(&mut [(); 0], &[()], |(), ()| Ok(())).is_err());
    }
}
