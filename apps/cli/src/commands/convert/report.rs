//! `drivetrain convert MODEL --report`: every artifact on every engine, side by side.

use drivetrain::{
    ArtifactReport, Error, Fetch, LateWorkbench, Locations, Measured, Pair, ReportOptions, ReportRow, Scratch,
    compare_artifacts, contract::Precision, fetch_package,
};

use super::Observed;
use crate::{
    args::ConvertArgs,
    commands::{embed::announce, profile},
    exit::{Blame, CommandError},
    interrupt::Interruptible,
    output::print,
    progress,
};

pub(super) fn run(args: &ConvertArgs, quiet: bool) -> anyhow::Result<()> {
    let pairs = args.report.pairs.as_deref().map_or(Ok(Vec::new()), Pair::read_all);
    let pairs = pairs.map_err(|err| CommandError::of(Blame::Input, err))?;
    let profile = profile::build_for(&args.source, &args.run)?;
    let locations = Locations::from_environment()?;
    let fetch = Fetch { locations: &locations, hub: None, call: &Interruptible };
    let package = fetch_package(&args.source, &fetch, &mut announce(quiet, String::new()))?;
    if package.is_static() {
        let error = Error::unsupported(format!("`{}` is a static model, of which there is one artifact", args.source));
        return Err(error.into());
    }
    let mut engine = LateWorkbench::new(&profile, &locations);
    let scratch = Scratch::create(&locations)?;
    let observed = Observed { bar: progress::permille(quiet) };
    let options = ReportOptions { pairs, rounds: args.report.rounds as usize };
    let bench = (engine.workbench()?, &locations);
    let report = compare_artifacts(&package, bench, &options, (scratch.path(), &observed))?;
    observed.bar.finish_and_clear();
    if args.report.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&report)?));
    }
    print(&text(&report, if args.report.markdown { Style::Markdown } else { Style::Plain }))
}

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Markdown,
}

fn text(report: &ArtifactReport, style: Style) -> String {
    let has_pairs = report.spearman.is_some();
    let mut head = vec!["artifact", "engine", "precision", "MB", "cosine mean", "min", "top 10"];
    if has_pairs {
        head.push("Spearman");
    }
    head.extend(["short", "mid", "long"]);
    let mut rows: Vec<Vec<String>> = vec![head.into_iter().map(str::to_owned).collect()];
    rows.extend(report.rows.iter().map(|row| cells(row, has_pairs)));
    let mut text = table(&rows, style);
    let spearman = report.spearman.map_or_else(String::new, |spearman| format!("; Spearman {spearman:.4}"));
    let threads = report.threads;
    text.push_str(&format!(
        "\ncosines, nearest texts and speeds (times as fast) are relative to {}{spearman}; {threads} threads\n",
        report.reference
    ));
    text.push_str(&slower_levels(&report.rows));
    for row in &report.rows {
        if let Some(failure) = &row.failure {
            text.push_str(&format!("{} by {} in {}: {failure}\n", row.artifact, row.engine, row.precision));
        }
    }
    text
}

/// The levels of rewriting that gain nothing over the one below on the same engine.
fn slower_levels(rows: &[ReportRow]) -> String {
    const LEVELS: [&str; 4] = ["onnx/model.onnx", "onnx/model_O1.onnx", "onnx/model_O2.onnx", "onnx/model_O3.onnx"];
    let mut text = String::new();
    for pair in LEVELS.windows(2) {
        let of_level = |level: &str| {
            let level = level.to_owned();
            rows.iter().filter(move |row| row.artifact == level && row.precision == Precision::F32)
        };
        for row in of_level(pair[1]) {
            let below = of_level(pair[0]).find(|below| below.engine == row.engine);
            let speed = |row: &ReportRow| Some(row.measured.as_ref()?.speed?.mid);
            let slower = below.and_then(speed).zip(speed(row)).filter(|(below, speed)| speed < below);
            if let Some((below, speed)) = slower {
                let (level, engine, below_level) = (pair[1], &row.engine, pair[0]);
                text.push_str(&format!(
                    "{level} is slower than {below_level} by {engine}: {speed:.2} and {below:.2} for mid texts\n"
                ));
            }
        }
    }
    text
}

fn cells(row: &ReportRow, has_pairs: bool) -> Vec<String> {
    let none = || "–".to_owned();
    let mut cells = vec![
        row.artifact.clone(),
        row.engine.clone(),
        row.precision.to_string(),
        format!("{:.1}", row.bytes as f64 / 1e6),
    ];
    let Some(Measured { figures, spearman, speed }) = &row.measured else {
        cells.extend(std::iter::repeat_with(none).take(6 + usize::from(has_pairs)));
        return cells;
    };
    cells.extend([figures.mean_cosine, figures.min_cosine].map(|cosine| format!("{cosine:.5}")));
    cells.push(format!("{:.1} %", 100.0 * figures.top10_overlap));
    if has_pairs {
        cells.push(spearman.map_or_else(none, |spearman| format!("{spearman:.4}")));
    }
    let speeds = speed.map(|speed| [speed.short, speed.mid, speed.long]);
    cells.extend(speeds.map_or_else(|| [none(), none(), none()], |speeds| speeds.map(|speed| format!("{speed:.2}"))));
    cells
}

fn table(rows: &[Vec<String>], style: Style) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for (idx, row) in rows.iter().enumerate() {
        let padded = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        match style {
            Style::Plain => text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end()),
            Style::Markdown => text.push_str(&format!("| {} |", row.join(" | "))),
        }
        text.push('\n');
        if idx == 0 && style == Style::Markdown {
            text.push_str(&format!("|{}\n", "---|".repeat(widths.len())));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use drivetrain::{Speed, package::Figures};

    use super::*;

    fn row(artifact: &str, mid: f64) -> ReportRow {
        let figures = Figures {
            engine: "e".into(),
            output: "o".into(),
            n_texts: 1,
            mean_cosine: 1.0,
            min_cosine: 1.0,
            max_abs_error: 0.0,
            top10_overlap: 1.0,
        };
        let speed = Some(Speed { short: 1.0, mid, long: 1.0 });
        ReportRow {
            artifact: artifact.into(),
            bytes: 1,
            engine: "e".into(),
            precision: Precision::F32,
            measured: Some(Measured { figures, spearman: None, speed }),
            failure: None,
        }
    }

    #[test]
    fn levels_that_gain_nothing_are_named() {
        let rows = [row("onnx/model.onnx", 1.0), row("onnx/model_O1.onnx", 1.1), row("onnx/model_O2.onnx", 0.9)];
        let expect = "onnx/model_O2.onnx is slower than onnx/model_O1.onnx by e: 0.90 and 1.10 for mid texts\n";
        assert_eq!(slower_levels(&rows), expect);
        assert_eq!(slower_levels(&rows[..2]), "");
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "–".to_owned()]];
        assert_eq!(table(&rows, Style::Plain), "a    bb\nccc  –\n");
        assert_eq!(table(&rows, Style::Markdown), "| a | bb |\n|---|---|\n| ccc | – |\n");
    }
}
