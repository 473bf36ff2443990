//! The way through the rules for what is known, and what it comes to.

use std::fmt::Write;

use drivetrain_contract::Result;
use drivetrain_package::Task;
use serde::Serialize;

use super::{
    Choice, Facts, RuleSet,
    rule_set::{Answer, Node},
};

/// The way from a task through the questions to an answer, and on from there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Walk {
    /// Name of the rules.
    pub rules: String,
    /// [`RuleSet::title`]
    pub title: Option<String>,
    /// [`RuleSet::source`]
    pub source: Option<String>,
    /// [`RuleSet::date`]
    pub date: Option<String>,
    /// The task that was asked about.
    pub task: Task,
    /// The answers in their order, at least one. The first is what the rules say; each other is what comes next when
    /// nothing before it can be had.
    pub reached: Vec<Reached>,
}

/// An answer, and the questions on the way to it from the one before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reached {
    /// The questions that were asked.
    pub path: Vec<Asked>,
    /// Name of the answer.
    pub answer: String,
    /// Why the rules answer so, in their words.
    pub why: Option<String>,
    /// What it offers, best first, without what was offered before; at least one.
    pub choices: Vec<Choice>,
}

/// A question that was asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// Name of the question.
    pub question: String,
    /// What it asks, in the words of the rules.
    pub ask: String,
    /// Whether the answer was yes.
    pub yes: bool,
    /// The fact that decided: `` `text_chars` is 120, below 500 ``.
    pub why: String,
}

impl RuleSet {
    /// What the rules say about `task`, given what is known.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Unsupported`] when they have nothing for the task.
    pub fn walk(&self, task: Task, facts: &Facts) -> Result<Walk> {
        let mut next = Some(self.start(task)?);
        let mut reached: Vec<Reached> = Vec::new();
        let mut path = Vec::new();
        while let Some(node) = next {
            next = match &self.nodes[node] {
                Node::Question(question) => {
                    let (yes, why) = question.condition.ask(facts);
                    path.push(Asked { question: question.name.clone(), ask: question.ask.clone(), yes, why });
                    Some(if yes { question.yes } else { question.no })
                }
                Node::Answer(answer) => {
                    let choices = not_offered(answer, &reached);
                    if !choices.is_empty() {
                        let path = std::mem::take(&mut path);
                        reached.push(Reached { path, answer: answer.name.clone(), why: answer.why.clone(), choices });
                    }
                    answer.otherwise
                }
            };
        }
        let (title, source, date) = (self.title.clone(), self.source.clone(), self.date.clone());
        Ok(Walk { rules: self.name.clone(), title, source, date, task, reached })
    }
}

/// The choices of an answer that no answer before it had.
fn not_offered(answer: &Answer, before: &[Reached]) -> Vec<Choice> {
    let offered = |choice: &&Choice| before.iter().any(|reached| reached.choices.contains(choice));
    answer.choices.iter().filter(|choice| !offered(choice)).cloned().collect()
}

impl Walk {
    /// What the rules say: the first answer.
    pub fn answer(&self) -> &Reached {
        &self.reached[0]
    }

    /// All that is offered, in the order in which to try it.
    pub fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.reached.iter().flat_map(|reached| &reached.choices)
    }

    /// The walk in words, up to the first choice that can be had; lines end with a line break.
    ///
    /// `missing` says why a choice cannot be had, or nothing when it can.
    pub fn explain(&self, missing: impl Fn(&Choice) -> Option<String>) -> String {
        let mut text = heading(&self.rules, [&self.title, &self.source, &self.date]);
        for (idx, reached) in self.reached.iter().enumerate() {
            if idx > 0 {
                text.push_str("what comes next:\n");
            }
            reached.explain_path(&mut text);
            for choice in &reached.choices {
                let missing = missing(choice);
                let verdict = missing.as_ref().map_or("taken".to_owned(), |why| format!("not taken: {why}"));
                line(&mut text, format_args!("  {}: {choice}: {verdict}", choice.name));
                if missing.is_none() {
                    return text;
                }
            }
        }
        text.push_str("nothing of this is taken, and the rules know of nothing else\n");
        text
    }
}

impl Reached {
    fn explain_path(&self, text: &mut String) {
        for asked in &self.path {
            let answer = if asked.yes { "yes" } else { "no" };
            line(text, format_args!("{} {answer}: {}", asked.ask, asked.why));
        }
        match &self.why {
            Some(why) => line(text, format_args!("→ {}: {why}", self.answer)),
            None => line(text, format_args!("→ {}", self.answer)),
        }
    }
}

/// The first line about rules: what they are called, and where they are from.
pub(super) fn heading(name: &str, origin: [&Option<String>; 3]) -> String {
    let origin: Vec<&str> = origin.into_iter().filter_map(|part| part.as_deref()).collect();
    match origin.is_empty() {
        true => format!("{name}\n"),
        false => format!("{name}: {}\n", origin.join(", ")),
    }
}

/// Adds a line. To write to a text cannot fail.
pub(super) fn line(text: &mut String, contents: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{contents}");
}
