//! Tables in Markdown.

use super::{
    Measured,
    few::Few,
    material::Material,
    measure::{Loss, Row, Stand},
};

/// A table for each set, and what follows for the factor.
pub(super) fn print(material: &Material, stand: &Stand<'_>, measured: &Measured) {
    println!("{} texts, compared with {}", material.texts.len(), measured.reference);
    for (idx, set) in material.sets.iter().enumerate() {
        let (texts, quality, reference) = (set.texts.len(), set.quality_name(), stand.qualities[idx]);
        println!("\n{}: {texts} texts, {quality} {reference:.4} in f32\n", set.name);
        println!(
            "| | cosine mean | min | neighbours kept | rank loss | of the sample | {quality} | loss | ± | loss ÷ rank loss | of the sample |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|");
        for row in measured.engines.iter().chain(&measured.artificial) {
            print_row(row, &row.sets[idx]);
        }
    }
    println!(
        "\nGreatest loss ÷ rank loss where the loss is more than chance explains (those of the sample in brackets)\n"
    );
    println!("| | engines | artificial errors |\n|---|---|---|");
    for (idx, set) in material.sets.iter().enumerate() {
        println!("| {} | {} | {} |", set.name, greatest(&measured.engines, idx), greatest(&measured.artificial, idx));
    }
    println!("\nRank loss of few texts as a share of that of many: median, least and greatest of many draws\n");
    for Few { name, texts, rank_loss } in &measured.few {
        println!("| {name} | {texts} | {rank_loss} |");
    }
}

fn print_row(row: &Row, loss: &Loss) {
    let Loss { agreement, quality, loss: lost, deviation, .. } = loss;
    let percent = |share: f64| format!("{:.4} %", share * 100.0);
    println!(
        "| {} | {:.5} | {:.5} | {:.1} % | {} | {} | {quality:.4} | {} | {} | {} | {} |",
        row.name,
        agreement.cosine_mean,
        agreement.cosine_min,
        agreement.neighbour_overlap * 100.0,
        percent(agreement.rank_loss),
        percent(row.sample.rank_loss),
        percent(*lost),
        percent(*deviation),
        ratio(loss, agreement.rank_loss),
        ratio(loss, row.sample.rank_loss),
    );
}

/// What was lost for each unit of rank loss; nothing where the loss may be chance.
fn ratio(loss: &Loss, rank_loss: f64) -> String {
    if loss.is_certain() { format!("{:.2}", loss.loss / rank_loss) } else { "–".to_owned() }
}

fn greatest(rows: &[Row], set: usize) -> String {
    let certain = || rows.iter().filter(|row| row.sets[set].is_certain());
    let most = |rank_loss: fn(&Row, usize) -> f64| {
        certain().map(|row| row.sets[set].loss / rank_loss(row, set)).max_by(f64::total_cmp)
    };
    let own = most(|row, set| row.sets[set].agreement.rank_loss);
    match own.zip(most(|row, _| row.sample.rank_loss)) {
        Some((own, sample)) => format!("{own:.2} ({sample:.2})"),
        None => "–".to_owned(),
    }
}
