//! Whether things that need each other can be put in order.

/// Puts `n` things into an order in which each comes after all it needs; `(a, b)` says that `a` needs `b`.
///
/// # Errors
/// One thing that needs itself, directly or through others, where there is such an order for none.
pub(crate) fn in_order(n: usize, needs: &[(u32, u32)]) -> Result<Vec<u32>, u32> {
    let mut n_needed = vec![0u32; n];
    // Who needs a thing, side by side: those of thing `i` from `starts[i]` to `starts[i + 1]`.
    let mut starts = vec![0usize; n + 1];
    for &(needing, needed) in needs {
        n_needed[needing as usize] += 1;
        starts[needed as usize + 1] += 1;
    }
    (0..n).for_each(|idx| starts[idx + 1] += starts[idx]);
    let (mut needing, mut free) = (vec![0u32; needs.len()], starts.clone());
    for &(who, needed) in needs {
        needing[free[needed as usize]] = who;
        free[needed as usize] += 1;
    }
    let mut order: Vec<u32> = (0..n as u32).filter(|&idx| n_needed[idx as usize] == 0).collect();
    let mut done = 0;
    while let Some(&ready) = order.get(done) {
        done += 1;
        for &who in &needing[starts[ready as usize]..starts[ready as usize + 1]] {
            n_needed[who as usize] -= 1;
            if n_needed[who as usize] == 0 {
                order.push(who);
            }
        }
    }
    if order.len() == n { Ok(order) } else { Err(in_a_circle(&n_needed, needs)) }
}

/// Something on a circle: what is left over may only follow one, but what it needs leads back into it.
fn in_a_circle(n_needed: &[u32], needs: &[(u32, u32)]) -> u32 {
    let is_left = |idx: u32| n_needed[idx as usize] > 0;
    let mut back = vec![0; n_needed.len()];
    for &(needing, needed) in needs {
        if is_left(needing) && is_left(needed) {
            back[needing as usize] = needed;
        }
    }
    let start = n_needed.iter().position(|&left| left > 0).unwrap_or_default() as u32;
    n_needed.iter().fold(start, |at, _| back[at as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_after_what_it_needs() {
        let needs = [(0, 1), (1, 2), (0, 2), (3, 0), (3, 0)];
        let order = in_order(5, &needs).unwrap();
        let place = |idx| order.iter().position(|&found| found == idx).unwrap();
        assert!(needs.iter().all(|&(needing, needed)| place(needing) > place(needed)), "{order:?}");
        assert_eq!(order.len(), 5);
        assert_eq!(in_order(0, &[]), Ok(vec![]));
    }

    #[test]
    fn circles_are_found_by_one_of_them() {
        assert_eq!(in_order(1, &[(0, 0)]), Err(0));
        // 0 and 4 only follow the circle of 1, 2 and 3.
        let found = in_order(5, &[(0, 1), (1, 2), (2, 3), (3, 1), (4, 0)]).unwrap_err();
        assert!((1..=3).contains(&found), "{found}");
    }

    #[test]
    fn long_chains_need_no_stack() {
        let chain: Vec<(u32, u32)> = (0..1_000_000).map(|idx| (idx, idx + 1)).collect();
        assert_eq!(in_order(1_000_001, &chain).unwrap().len(), 1_000_001);
    }
}
