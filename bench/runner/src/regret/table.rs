//! Tables in Markdown.

use super::{
    Measured,
    pick::By,
    verdict::{Judged, Row},
};
use crate::spread::Spread;

/// What a pick is to reach of the best, at least and in the middle.
const GOALS: [f64; 2] = [0.95, 0.98];

impl By {
    fn name(self) -> &'static str {
        match self {
            By::Tuner => "tuner",
            By::V5 => "rules v5",
            By::V6 => "rules v6",
        }
    }
}

/// One cell.
pub(super) fn print(Measured { cell, tried, outcomes, rows, .. }: &Measured) {
    let texts = outcomes.first().map_or(0, |outcome| outcome.texts);
    println!("\n{cell}: {} ways tried, {} of them raced over {texts} texts\n", tried.len(), outcomes.len());
    let by = |row: &Row| row.picks.iter().map(|pick| pick.by.name()).collect::<Vec<_>>();
    let heads = rows.first().map(by).unwrap_or_default();
    println!("| loss allowed | best (its loss) | {} |", heads.join(" | "));
    println!("|---|---|{}", "---|".repeat(heads.len()));
    for Row { budget, best, best_loss, picks } in rows {
        let picks: Vec<String> = picks.iter().map(judged).collect();
        println!("| {budget} | {best} ({}) | {} |", percent(*best_loss), picks.join(" | "));
    }
}

/// `0.98 (0.96–1.01): openvino int8 2×1 (0.22 %)`
fn judged(Judged { way, speed, loss, is_allowed, .. }: &Judged) -> String {
    let speed =
        speed.map_or_else(|| "–".to_owned(), |Spread { median, min, max }| format!("{median:.2} ({min:.2}–{max:.2})"));
    let loss = loss.map_or_else(|| "cannot be run".to_owned(), percent);
    format!("{speed}: {way} ({loss}{})", if *is_allowed { "" } else { ", more than allowed" })
}

fn percent(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

/// All cells together.
pub(super) fn print_summary(cells: &[Measured]) {
    println!(
        "\n| | least ÷ best | median ÷ best | picks | lose more than allowed | longest to pick, s |\n|---|---|---|---|---|---|"
    );
    for by in By::ALL {
        let judged =
            || cells.iter().flat_map(|cell| &cell.rows).flat_map(|row| &row.picks).filter(|pick| pick.by == by);
        let Some(speed) = Spread::of(judged().filter_map(|pick| Some(pick.speed?.median))) else { continue };
        let over = judged().filter(|pick| !pick.is_allowed).count();
        let picks = cells.iter().flat_map(|cell| &cell.picks).filter(|pick| pick.by == by);
        let longest = picks.map(|pick| pick.seconds).fold(0.0, f64::max);
        let [least, middle] = GOALS;
        let verdict = match by {
            By::Tuner if speed.min >= least && speed.median >= middle && over == 0 => " (goals met)",
            By::Tuner => " (goals MISSED)",
            _ => "",
        };
        println!(
            "| {}{verdict} | {:.3} | {:.3} | {} | {over} | {longest:.1} |",
            by.name(),
            speed.min,
            speed.median,
            judged().count(),
        );
    }
}
