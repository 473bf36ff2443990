//! A plan in words.

use std::fmt::Write;

use super::{Plan, Reason, Rejected, budget::expected_loss, reason::percent};
use crate::{rules::Choice, tune::Figures};

impl Plan {
    /// Whether anything else would have run the model as well.
    pub fn had_a_choice(&self) -> bool {
        let could_run = |reason: &Reason| {
            matches!(
                reason,
                Reason::Later { .. }
                    | Reason::OtherRelease
                    | Reason::Slower { .. }
                    | Reason::Larger { .. }
                    | Reason::Untimed
                    | Reason::Untried { .. }
            )
        };
        self.rejected.iter().any(|rejected| could_run(&rejected.reason))
    }

    /// What was chosen and how to see why, in one line. `command` is what plans the same: `drivetrain plan -m MODEL`.
    pub fn announcement(&self, command: &str) -> String {
        let how = match &self.figures {
            Some(figures) if figures.speed.is_some() => format!("measured; `{command} --explain` says why"),
            _ => format!("by the rules; `{command} --explain` says why, `{command} --tune` measures"),
        };
        format!("`{}` runs with {} ({how})", self.model, self.summary())
    }

    /// What was chosen, in one line: `onnxruntime on cpu in f32, 2 sessions, 2 threads`.
    pub fn summary(&self) -> String {
        let super::Shape { sessions, threads, batch_tokens } = self.shape;
        let chosen = &self.chosen;
        let number = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        format!(
            "{} on {} in {}, {}, {}{}",
            chosen.engine(),
            chosen.device,
            chosen.precision,
            number(sessions, "session"),
            number(threads, "thread"),
            batch_tokens.map_or_else(String::new, |tokens| format!(", {tokens} tokens a batch")),
        )
    }

    /// What is lost against the same model in 32-bit floats, in words: `loses about 0.4 % of the quality, as is expected
    /// of int8`.
    pub fn loss(&self) -> String {
        let precision = self.chosen.precision;
        match self.figures.as_ref().and_then(Figures::loss) {
            Some(lost) => format!("loses {} of the quality, as was measured", percent(lost.max(0.0))),
            None if self.chosen.is_exact() => format!("loses nothing: it computes in {precision}"),
            None => {
                format!(
                    "loses about {} of the quality, as is expected of {precision}",
                    percent(expected_loss(precision))
                )
            }
        }
    }

    /// What was chosen, in a few lines.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let file = &self.chosen.file;
        let to_make = if file.target.is_some() { ", to be made" } else { "" };
        line(&mut text, format_args!("{}: {}", self.model, self.summary()));
        line(&mut text, format_args!("  file    {}{to_make}", file.path));
        line(&mut text, format_args!("  memory  about {} MiB", self.memory.total() >> 20));
        line(&mut text, format_args!("  goal    {}", self.goal.name()));
        match &self.figures {
            Some(figures) => line(&mut text, format_args!("  tried   {figures}")),
            None if self.chosen.is_exact() => {}
            None => line(&mut text, format_args!("  speed   expected to be {:.1}× that of f32", self.expected_speed)),
        }
        text
    }

    /// The whole plan: what was chosen, the way through the rules, and everything else with its reason.
    pub fn explain(&self) -> String {
        let mut text = self.describe();
        text.push('\n');
        match &self.walk {
            Some(walk) => text.push_str(&walk.explain(|choice| self.missing(choice))),
            None => text.push_str("the rules have nothing for this kind of model\n"),
        }
        if !self.walk.as_ref().is_some_and(|walk| walk.choices().any(|choice| self.chosen.is(choice))) {
            line(&mut text, format_args!("taken instead: {}", self.chosen));
        }
        if !self.rejected.is_empty() {
            text.push_str("\nnot chosen:\n");
        }
        let groups = self.groups();
        let width = groups.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
        for (what, reason) in groups {
            line(&mut text, format_args!("  {what:width$}  {reason}"));
            if let Some(remedy) = reason.remedy() {
                line(&mut text, format_args!("  {:width$}  → {remedy}", ""));
            }
        }
        text
    }

    /// What was not chosen, with files that have all else in common in one line.
    fn groups(&self) -> Vec<(String, &Reason)> {
        let like = |rejected: &Rejected, other: &Rejected| {
            let key =
                |one: &Rejected| one.candidate.as_ref().map(|one| (one.engine(), one.device.clone(), one.precision));
            rejected.backend == other.backend && key(rejected) == key(other) && rejected.reason == other.reason
        };
        let mut groups: Vec<(&Rejected, usize)> = Vec::new();
        for rejected in &self.rejected {
            match groups.iter_mut().find(|(first, _)| like(first, rejected)) {
                Some((_, more)) => *more += 1,
                None => groups.push((rejected, 0)),
            }
        }
        let words = |(first, more): (&'_ Rejected, usize)| match more {
            0 => first.what(),
            more => format!("{} and {more} more", first.what()),
        };
        groups.into_iter().map(|(first, more)| (words((first, more)), &first.reason)).collect()
    }

    /// Why a choice of the rules cannot be had; nothing for the one that was chosen.
    fn missing(&self, choice: &Choice) -> Option<String> {
        if self.is(choice) {
            return None;
        }
        let of_choice = |rejected: &&Rejected| match &rejected.candidate {
            Some(candidate) => candidate.is(choice),
            None => rejected.backend == choice.backend,
        };
        let reason = self.rejected.iter().find(of_choice).map(|rejected| match &rejected.reason {
            Reason::Later { .. } => "another comes first".to_owned(),
            Reason::Slower { .. } | Reason::Larger { .. } | Reason::Untimed | Reason::Untried { .. } => {
                "another did better in its trial".to_owned()
            }
            reason => reason.to_string(),
        });
        Some(reason.unwrap_or_else(|| "there is no such engine, device or file here".to_owned()))
    }

    fn is(&self, choice: &Choice) -> bool {
        let first = self.walk.as_ref().and_then(|walk| walk.choices().find(|one| self.chosen.is(one)));
        first.is_some_and(|first| first == choice)
    }
}

/// Adds a line, without blanks at its end. To write to a text cannot fail.
fn line(text: &mut String, contents: std::fmt::Arguments<'_>) {
    let start = text.len();
    let _ = write!(text, "{contents}");
    text.truncate(start + text[start..].trim_end().len());
    text.push('\n');
}
