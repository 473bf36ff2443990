//! Who was how fast beside the best that a budget allows.

use serde::Serialize;

use super::{
    AGAIN, Budget,
    losses::Losses,
    pick::{By, Pick},
    search::Tried,
    way::Way,
};
use crate::{race::Outcome, spread::Spread};

/// One budget in a cell.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) budget: Budget,
    /// The fastest that is allowed.
    pub(super) best: Way,
    /// What is to be expected that it loses.
    pub(super) best_loss: f64,
    pub(super) picks: Vec<Judged>,
}

/// A pick beside the best.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Judged {
    pub(super) by: By,
    pub(super) way: Way,
    /// How many times as fast as the best it was in each round; none where it was not raced.
    pub(super) speed: Option<Spread>,
    /// What is to be expected that it loses, where it runs.
    pub(super) loss: Option<f64>,
    /// Whether it loses no more than it may.
    pub(super) is_allowed: bool,
}

/// The best of the search within each budget, and all that was picked and runs; each once.
pub(super) fn to_race(budgets: &[Budget], losses: &Losses, tried: &[Tried], picks: &[Pick]) -> Vec<Way> {
    let best = budgets.iter().flat_map(|budget| {
        let allowed = |tried: &&Tried| losses.of(&tried.way.kind).is_some_and(|agreement| budget.allows(agreement));
        tried.iter().filter(allowed).take(AGAIN).map(|tried| &tried.way)
    });
    let picked = picks.iter().map(|pick| &pick.way).filter(|way| losses.of(&way.kind).is_some());
    let mut ways: Vec<Way> = Vec::new();
    for way in best.chain(picked) {
        if !ways.contains(way) {
            ways.push(way.clone());
        }
    }
    ways
}

/// Each budget, with what was picked for it.
pub(super) fn rows(
    budgets: &[Budget],
    losses: &Losses,
    picks: &[Pick],
    (raced, outcomes): (&[Way], &[Outcome]),
) -> Vec<Row> {
    let raced: Vec<(&Way, &Outcome)> = raced.iter().zip(outcomes).collect();
    let row = |&budget: &Budget| {
        let allowed = |(way, _): &&(&Way, &Outcome)| losses.of(&way.kind).is_some_and(|one| budget.allows(one));
        let speed = |outcome: &Outcome| outcome.speed.median;
        let (best, fastest) = raced.iter().filter(allowed).max_by(|(_, a), (_, b)| speed(a).total_cmp(&speed(b)))?;
        let judged = |pick: &Pick| {
            let outcome = raced.iter().find(|(way, _)| **way == pick.way).map(|(_, outcome)| outcome);
            let agreement = losses.of(&pick.way.kind);
            Judged {
                by: pick.by,
                way: pick.way.clone(),
                speed: outcome.and_then(|outcome| outcome.speed_over(fastest)),
                loss: agreement.map(|agreement| agreement.expected_loss()),
                is_allowed: agreement.is_some_and(|agreement| budget.allows(agreement)),
            }
        };
        let picks = picks.iter().filter(|pick| pick.budget == budget).map(judged).collect();
        let best_loss = losses.of(&best.kind)?.expected_loss();
        Some(Row { budget, best: (*best).clone(), best_loss, picks })
    };
    budgets.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use drivetrain_planner::accuracy::Agreement;

    use super::*;
    use crate::regret::{
        Kind,
        way::{File, Shape},
    };

    fn way(precision: &str, threads: usize) -> Way {
        let file = File { path: precision.to_owned() };
        let (backend, device) = ("engine".to_owned(), "cpu".to_owned());
        let (device_kind, precision) = (device.clone(), precision.to_owned());
        let kind = Kind { backend, release: None, device, device_kind, precision, file, is_one_of_many: false };
        Way { kind, shape: Shape { sessions: 1, threads, batch_tokens: None } }
    }

    fn agreement(cosine_min: f64, rank_loss: f64) -> Agreement {
        Agreement { cosine_mean: 1.0, cosine_p1: 1.0, cosine_min, neighbour_overlap: 1.0, rank_loss }
    }

    #[test]
    fn the_best_within_each_budget_are_raced_and_what_was_picked_where_it_runs() {
        let exact = (way("f32", 1).kind, agreement(1.0, 0.0));
        let lossy = (way("int8", 1).kind, agreement(0.98, 0.1));
        let losses = Losses(vec![exact, lossy]);
        // The lossy ones are faster, and there are more than are raced again.
        let all = ["int8", "f32"]
            .into_iter()
            .flat_map(|precision| (1..=AGAIN + 1).map(move |threads| way(precision, threads)));
        let tried: Vec<Tried> = all.map(|way| Tried { way, speed: 1.0 }).collect();
        let pick = |way: Way| Pick { by: By::V5, budget: Budget(0.0), way, seconds: 0.1 };
        let picks = [pick(way("f32", AGAIN + 1)), pick(way("f32", 1)), pick(way("bf16", 1))];
        let names = |budgets: &[Budget]| {
            let raced = to_race(budgets, &losses, &tried, &picks);
            raced.iter().map(|way| format!("{}{}", way.kind.precision, way.shape.threads)).collect::<Vec<_>>()
        };
        assert_eq!(names(&[Budget(0.0)]), ["f321", "f322", "f323", "f324", "f325", "f326"]);
        assert_eq!(names(&[Budget(0.15)]), ["int81", "int82", "int83", "int84", "int85", "f326", "f321"]);
    }
}
