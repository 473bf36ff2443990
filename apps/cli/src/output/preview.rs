//! Dimension, norm and the first numbers of each vector, for people.

use std::io::{self, Write};

use drivetrain::files::Rows;

/// Characters of a text that are shown.
const TEXT_CHARS: usize = 40;
/// Numbers of a vector that are shown.
const NUMBERS: usize = 5;

pub(crate) fn write(mut out: impl Write, rows: Rows<'_>) -> io::Result<()> {
    for (record, row) in rows.records().iter().zip(rows.vectors()) {
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        let first: Vec<String> = row.iter().take(NUMBERS).map(|value| format!("{value:.6}")).collect();
        let more = if row.len() > NUMBERS { ", …" } else { "" };
        writeln!(out, "{}  dim {}  norm {norm:.4}  [{}{more}]", shown(record.text()), row.len(), first.join(", "))?;
    }
    Ok(())
}

/// The beginning of a text in quotes, with everything that could move the cursor escaped.
fn shown(text: &str) -> String {
    let mut beginning: String = text.chars().take(TEXT_CHARS).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    format!("{beginning:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_hostile_texts_stay_on_one_line() {
        assert_eq!(shown("a\u{1b}[2J\nb"), "\"a\\u{1b}[2J\\nb\"");
        assert_eq!(shown(&"x".repeat(100)), format!("\"{}…\"", "x".repeat(40)));
    }
}
