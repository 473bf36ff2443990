//! The rule set: questions and answers, and where each task begins.

use std::path::Path;

use drivetrain_contract::{Error, Result};
use drivetrain_package::Task;

use super::{Choice, condition::Condition, file, parse::parse, shipped};

/// A decision tree as data, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSet {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) source: Option<String>,
    pub(super) date: Option<String>,
    /// For each task the index of the node it begins with.
    pub(super) tasks: Vec<(Task, usize)>,
    pub(super) nodes: Vec<Node>,
}

/// A question or an answer; targets are indices into [`RuleSet::nodes`].
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Question(Question),
    Answer(Answer),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) ask: String,
    pub(super) condition: Condition,
    pub(super) yes: usize,
    pub(super) no: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) name: String,
    pub(super) why: Option<String>,
    pub(super) choices: Vec<Choice>,
    /// Where to go on when none of the choices can be had.
    pub(super) otherwise: Option<usize>,
}

impl RuleSet {
    /// The rule set a profile means: a shipped one by name, or a file, whose path contains `/` or ends in `.toml`.
    ///
    /// # Errors
    /// As [`RuleSet::shipped`] and [`RuleSet::read`].
    pub fn named(name: &str) -> Result<Self> {
        match name.contains(['/', '\\']) || name.ends_with(".toml") {
            true => Self::read(Path::new(name)),
            false => Self::shipped(name),
        }
    }

    /// One that is part of the program.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::NotFound`] with the nearest name, or all of them.
    pub fn shipped(name: &str) -> Result<Self> {
        let (name, text) = shipped::find(name)?;
        parse(name, text)
    }

    /// Names of those that are part of the program.
    pub fn shipped_names() -> impl ExactSizeIterator<Item = &'static str> {
        shipped::SHIPPED.iter().map(|(name, _)| *name)
    }

    /// One in a file, which is called by its path.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Io`] when it cannot be read, and as [`RuleSet::parse`].
    pub fn read(path: &Path) -> Result<Self> {
        parse(&path.display().to_string(), &file::read(path)?)
    }

    /// One in a text, which is called `name`.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] with line and column for a text that is too long or not TOML, an
    /// unknown key or value, a name that leads nowhere, a cycle, and whatever can never be reached.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        file::check_length(name, text.len() as u64)?;
        parse(name, text)
    }

    /// What it is called: the name of a shipped one, the path of a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the rules are, in a line.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Where they were published.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// When they were published, as the file has it.
    pub fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// The tasks they have advice for, in the order of the file.
    pub fn tasks(&self) -> impl ExactSizeIterator<Item = Task> {
        self.tasks.iter().map(|(task, _)| *task)
    }

    /// Index of the node where the rules for a task begin.
    pub(super) fn start(&self, task: Task) -> Result<usize> {
        let start = self.tasks.iter().find(|(known, _)| *known == task);
        start.map(|(_, node)| *node).ok_or_else(|| {
            let known: Vec<&str> = self.tasks().map(Task::name).collect();
            Error::unsupported(format!("the rules `{}` have nothing for the task `{}`", self.name, task.name()))
                .with_hint(format!("they have rules for {}", known.join(", ")))
        })
    }
}

impl Node {
    pub(super) fn name(&self) -> &str {
        match self {
            Node::Question(question) => &question.name,
            Node::Answer(answer) => &answer.name,
        }
    }

    /// The nodes it leads to.
    pub(super) fn targets(&self) -> Vec<usize> {
        match self {
            Node::Question(question) => vec![question.yes, question.no],
            Node::Answer(answer) => answer.otherwise.into_iter().collect(),
        }
    }
}
