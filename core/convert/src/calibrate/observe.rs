//! What goes into linear layers, seen on real texts.

use drivetrain_architectures::Checkpoint;
use drivetrain_contract::{Error, Result};
use drivetrain_package::Package;

use super::{Samples, rows::for_each_row};
use crate::{
    Tools,
    onnx::observed::{ObservedSite, numbers_of_site, trace, write_observed},
};

/// Numbers held of all sites that are observed at once: 256 MiB.
const MOST_NUMBERS: usize = 1 << 26;

/// Tokens of each text that are kept.
const TOKENS_PER_TEXT: usize = 8;

/// Parts that the texts are dealt out to, so that it shows how far one goes beyond another.
pub(super) const PARTS: usize = 4;

/// What was seen at one site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observation {
    /// Over all tokens of each part of the texts.
    pub(super) parts: [Extremes; PARTS],
    /// Some tokens of each text, `[tokens, channels]`.
    pub(super) rows: Vec<f32>,
}

/// The lowest and the highest value of each channel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extremes {
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
}

impl Observation {
    pub(super) fn new(width: usize, room: usize) -> Self {
        Self { parts: std::array::from_fn(|_| Extremes::none(width)), rows: Vec::with_capacity(width * room) }
    }

    /// Takes in what a graph gives of the text at a place: lowest values, highest values, tokens.
    pub(super) fn add(&mut self, text: usize, numbers: &[f32]) {
        let part = &mut self.parts[text % PARTS];
        let width = part.low.len();
        let (low, rest) = numbers.split_at(width);
        let (high, rows) = rest.split_at(width);
        part.widen(low, high);
        self.rows.extend_from_slice(rows);
    }
}

impl Extremes {
    /// Of no text at all.
    fn none(width: usize) -> Self {
        Self { low: vec![f32::INFINITY; width], high: vec![f32::NEG_INFINITY; width] }
    }

    /// Of several parts together.
    pub(super) fn of<'e>(parts: impl IntoIterator<Item = &'e Self>) -> Self {
        let mut parts = parts.into_iter();
        let first = parts.next().map_or_else(|| Self::none(0), Self::clone);
        parts.fold(first, |mut all, part| {
            all.widen(&part.low, &part.high);
            all
        })
    }

    /// Whether they are of any text.
    pub(super) fn is_known(&self) -> bool {
        self.low.iter().zip(&self.high).all(|(low, high)| low <= high)
    }

    fn widen(&mut self, low: &[f32], high: &[f32]) {
        self.low.iter_mut().zip(low).for_each(|(known, &seen)| *known = known.min(seen));
        self.high.iter_mut().zip(high).for_each(|(known, &seen)| *known = known.max(seen));
    }
}

/// Cuts the sites into groups that can be observed at once in bounded memory.
pub(super) fn groups<'s, 'a>(sites: &'s [ObservedSite<'a>], texts: usize) -> Vec<&'s [ObservedSite<'a>]> {
    let numbers = |sites: &[ObservedSite<'_>]| {
        let widths = sites.iter().map(|site| site.width);
        widths.sum::<usize>().saturating_mul(texts).saturating_mul(TOKENS_PER_TEXT)
    };
    let (mut groups, mut rest) = (Vec::new(), sites);
    while !rest.is_empty() {
        let fitting = (1..=rest.len()).take_while(|&count| numbers(&rest[..count]) <= MOST_NUMBERS).last();
        let (group, others) = rest.split_at(fitting.unwrap_or(1));
        groups.push(group);
        rest = others;
    }
    groups
}

/// What is needed to run a package's graphs on texts.
pub(super) struct Observer<'o, 'r> {
    pub(super) package: &'o Package,
    pub(super) checkpoint: &'o Checkpoint,
    pub(super) samples: &'o Samples,
    pub(super) tools: &'o mut Tools<'r>,
}

impl Observer<'_, '_> {
    /// What is seen at each site of a group.
    ///
    /// `progress` says how many thousandths of the whole are done when so large a part of the texts is.
    pub(super) fn observe(
        &mut self,
        group: &[ObservedSite<'_>],
        progress: &dyn Fn(f64) -> u32,
    ) -> Result<Vec<Observation>> {
        let texts = self.samples.len();
        let total: usize = group.iter().map(|site| site.width).sum();
        let tokens = (MOST_NUMBERS / (total * texts).max(1)).clamp(1, TOKENS_PER_TEXT);
        let path = self.tools.scratch.join("observed.onnx");
        let traced = trace(self.package, self.checkpoint)?;
        write_observed(self.package, traced, &|name| group.iter().any(|site| site.name == name), tokens, &path)?;
        let mut session = self.tools.engine.open(&path, self.tools.call)?;
        let mut seen: Vec<Observation> =
            group.iter().map(|site| Observation::new(site.width, texts * tokens)).collect();
        let expected: usize = group.iter().map(|site| numbers_of_site(site.width, tokens)).sum();
        let mut done = 0u32;
        for_each_row(&mut *session, self.samples, self.tools.call, &mut |text, mut numbers| {
            done += 1;
            self.tools.call.progress(progress(f64::from(done) / texts as f64), "running texts");
            if numbers.len() != expected {
                return Err(Error::internal(format!("{} numbers were observed, not {expected}", numbers.len())));
            }
            for (site, observation) in group.iter().zip(&mut seen) {
                let (own, rest) = numbers.split_at(numbers_of_site(site.width, tokens));
                observation.add(text, own);
                numbers = rest;
            }
            Ok(())
        })?;
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(width: usize) -> ObservedSite<'static> {
        ObservedSite { name: width.to_string(), width, matrices: Vec::new() }
    }

    #[test]
    fn groups_hold_all_sites_in_order_within_the_limit() {
        let sites: Vec<ObservedSite<'_>> = (1..100).map(|idx| site(idx * 41 % 1000 + 1)).collect();
        for texts in [1, 300, 100_000] {
            let groups = groups(&sites, texts);
            let names: Vec<&str> = groups.iter().flat_map(|group| group.iter().map(|site| &*site.name)).collect();
            assert_eq!(names, sites.iter().map(|site| &*site.name).collect::<Vec<_>>());
            for group in groups {
                let numbers = group.iter().map(|site| site.width).sum::<usize>() * texts * TOKENS_PER_TEXT;
                assert!(numbers <= MOST_NUMBERS || group.len() == 1, "{texts}: {numbers}");
            }
        }
    }

    #[test]
    fn an_observation_is_the_widest_range_of_each_part_and_all_tokens() {
        let mut seen = Observation::new(2, 3);
        seen.add(0, &[-1.0, 0.0, 3.0, 2.0, 0.5, 1.0]);
        seen.add(PARTS, &[0.0, -2.0, 1.0, 4.0, 0.25, -1.0]);
        seen.add(1, &[-3.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(seen.parts[0], Extremes { low: vec![-1.0, -2.0], high: vec![3.0, 4.0] });
        assert_eq!(Extremes::of(&seen.parts), Extremes { low: vec![-3.0, -2.0], high: vec![3.0, 4.0] });
        assert_eq!(seen.parts.each_ref().map(Extremes::is_known), [true, true, false, false]);
        assert_eq!(seen.rows, [0.5, 1.0, 0.25, -1.0, 0.0, 1.0]);
    }
}
