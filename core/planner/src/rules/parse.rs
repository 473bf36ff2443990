//! A rule set from its text.

use std::collections::BTreeMap;

use drivetrain_contract::{Error, Precision, Result};
use drivetrain_package::Task;

use super::{
    Choice, Fact, InputKind, RuleSet,
    condition::{Condition, Test},
    device,
    fact::Kind,
    nearest,
    reader::{Document, Table, Word},
    rule_set::{Answer, Node, Question},
    soundness,
};

/// The version of the format that is read.
const FORMAT: f64 = 1.0;
const TASKS: [Task; 4] = [Task::Embed, Task::Rerank, Task::Sparse, Task::MultiVector];
const TOP_KEYS: [&str; 8] = ["rules", "title", "source", "date", "tasks", "questions", "answers", "choices"];
const QUESTION_KEYS: [&str; 8] = ["ask", "fact", "is", "has", "below", "at_least", "yes", "no"];
const ANSWER_KEYS: [&str; 3] = ["why", "choices", "otherwise"];
const CHOICE_KEYS: [&str; 5] = ["backend", "precision", "artifact", "device", "input"];

/// Reads rules that are called `name`.
///
/// # Errors
/// As [`RuleSet::parse`].
pub(super) fn parse(name: &str, text: &str) -> Result<RuleSet> {
    let document = Document { label: name, text };
    let parsed = document.parse()?;
    let top = Table::top(document, parsed.get_ref(), &TOP_KEYS)?;
    check_format(&top)?;
    let questions = top.tables("questions", &QUESTION_KEYS)?;
    let answers = top.tables("answers", &ANSWER_KEYS)?;
    let choice_tables = top.tables("choices", &CHOICE_KEYS)?;
    let node_places: Vec<usize> = questions.iter().chain(&answers).map(|(name, _)| name.at).collect();
    let nodes = Names::collect("question or answer", questions.iter().chain(&answers), document)?;
    let choice_names = Names::collect("choice", &choice_tables, document)?;
    let choices: Vec<Choice> = choice_tables.iter().map(|(name, table)| choice(name, table)).collect::<Result<_>>()?;

    let questions = questions.iter().map(|(name, table)| question(name, table, &nodes).map(Node::Question));
    let read_answer = |(name, table): &(Word<'_>, Table<'_>)| {
        let known = Known { nodes: &nodes, choice_names: &choice_names, choices: &choices };
        answer(name, table, &known).map(Node::Answer)
    };
    let rules = RuleSet {
        name: name.to_owned(),
        title: text_of(&top, "title")?,
        source: text_of(&top, "source")?,
        date: top.date("date")?,
        tasks: tasks(&top, &nodes)?,
        nodes: questions.chain(answers.iter().map(read_answer)).collect::<Result<_>>()?,
    };
    soundness::check(&rules, |node, message| document.error(node_places[node], message))?;
    match choice_tables.iter().find(|(name, _)| !rules.offers(name.text)) {
        Some((name, _)) => Err(document.error(name.at, format!("the choice `{}` is in no answer", name.text))),
        None => Ok(rules),
    }
}

fn check_format(top: &Table<'_>) -> Result<()> {
    match top.number("rules")? {
        Some(FORMAT) => Ok(()),
        Some(other) => {
            let at = top.place_of("rules").unwrap_or(0);
            Err(top.wrong(at, format!("rules of format {other}")).with_hint("this version reads format 1"))
        }
        None => Err(top.incomplete("`rules` is missing").with_hint("rules begin with the version: `rules = 1`")),
    }
}

/// The nodes where tasks begin.
fn tasks(top: &Table<'_>, nodes: &Names<'_>) -> Result<Vec<(Task, usize)>> {
    let mut starts = Vec::new();
    let table = top.table("tasks", &TASKS.map(Task::name))?;
    for task in TASKS {
        if let Some(word) = table.as_ref().map(|table| table.word(task.name())).transpose()?.flatten() {
            starts.push((task, nodes.find(word)?));
        }
    }
    match starts.is_empty() {
        true => Err(top
            .incomplete("no task begins anywhere")
            .with_hint("name its first question: `[tasks]`, and below it `embed = \"…\"`")),
        false => Ok(starts),
    }
}

fn question(name: &Word<'_>, table: &Table<'_>, nodes: &Names<'_>) -> Result<Question> {
    Ok(Question {
        name: name.text.to_owned(),
        ask: table.needed_word("ask")?.text.to_owned(),
        condition: condition(table)?,
        yes: nodes.find(table.needed_word("yes")?)?,
        no: nodes.find(table.needed_word("no")?)?,
    })
}

fn condition(table: &Table<'_>) -> Result<Condition> {
    let name = table.needed_word("fact")?;
    let fact = Fact::ALL.into_iter().find(|fact| fact.name() == name.text).ok_or_else(|| {
        let error = table.wrong(name.at, format!("nothing is known as `{}`", name.text));
        error.with_hint(nearest::hint(name.text, Fact::ALL.map(Fact::name)))
    })?;
    let kind = fact.kind();
    for operator in ["is", "has", "below", "at_least"] {
        if let Some(at) = table.place_of(operator).filter(|_| !kind.operators().contains(&operator)) {
            let error = table.wrong(at, format!("`{}` cannot be asked about with `{operator}`", name.text));
            return Err(error.with_hint(match kind.operators() {
                [] => "to name it is all the question".to_owned(),
                operators => format!("ask with `{}`", operators.join("` or `")),
            }));
        }
    }
    let test = match kind {
        Kind::Word(_) => Test::Is(known_words(table, "is", kind)?),
        Kind::Words(_) => Test::Has(known_words(table, "has", kind)?),
        Kind::Number => match (table.number("below")?, table.number("at_least")?) {
            (Some(limit), None) => Test::Below(limit),
            (None, Some(limit)) => Test::AtLeast(limit),
            _ => return Err(table.incomplete("there must be one of `below` and `at_least`")),
        },
        Kind::Flag => Test::Holds,
    };
    Ok(Condition { fact, test })
}

/// Words that the fact can be.
fn known_words(table: &Table<'_>, key: &str, kind: Kind) -> Result<Vec<String>> {
    let words = table.needed_words(key)?;
    match words.iter().find(|word| !kind.words().is_empty() && !kind.words().contains(&word.text)) {
        Some(word) => Err(unknown(table, key, *word, kind.words())),
        None => Ok(words.into_iter().map(|word| word.text.to_owned()).collect()),
    }
}

fn unknown(table: &Table<'_>, key: &str, word: Word<'_>, known: &[&str]) -> Error {
    let error = table.wrong(word.at, format!("`{key}` cannot be `{}`", word.text));
    error.with_hint(nearest::hint(word.text, known.iter().copied()))
}

/// What answers refer to.
struct Known<'k> {
    nodes: &'k Names<'k>,
    choice_names: &'k Names<'k>,
    choices: &'k [Choice],
}

fn answer(name: &Word<'_>, table: &Table<'_>, known: &Known<'_>) -> Result<Answer> {
    let choices = table.needed_words("choices")?.into_iter();
    Ok(Answer {
        name: name.text.to_owned(),
        why: text_of(table, "why")?,
        choices: choices
            .map(|word| known.choice_names.find(word).map(|idx| known.choices[idx].clone()))
            .collect::<Result<_>>()?,
        otherwise: table.word("otherwise")?.map(|word| known.nodes.find(word)).transpose()?,
    })
}

fn choice(name: &Word<'_>, table: &Table<'_>) -> Result<Choice> {
    let precision = table.needed_word("precision")?;
    let device = table.word("device")?;
    let input = table.word("input")?;
    Ok(Choice {
        name: name.text.to_owned(),
        backend: table.needed_word("backend")?.text.to_owned(),
        precision: precision
            .text
            .parse()
            .map_err(|_| unknown(table, "precision", precision, &Precision::ALL.map(Precision::name)))?,
        artifact: text_of(table, "artifact")?,
        device: device
            .map(|word| device::kind(word.text).ok_or_else(|| unknown(table, "device", word, &device::NAMES)))
            .transpose()?,
        input: input
            .map(|word| {
                let kind = InputKind::ALL.into_iter().find(|kind| kind.name() == word.text);
                kind.ok_or_else(|| unknown(table, "input", word, &InputKind::ALL.map(InputKind::name)))
            })
            .transpose()?,
    })
}

fn text_of(table: &Table<'_>, key: &str) -> Result<Option<String>> {
    Ok(table.word(key)?.map(|word| word.text.to_owned()))
}

/// Names and their indices.
struct Names<'d> {
    document: Document<'d>,
    what: &'static str,
    indices: BTreeMap<&'d str, usize>,
}

impl<'d> Names<'d> {
    fn collect<'t>(
        what: &'static str,
        tables: impl IntoIterator<Item = &'t (Word<'d>, Table<'d>)>,
        document: Document<'d>,
    ) -> Result<Self>
    where
        'd: 't,
    {
        let mut indices = BTreeMap::new();
        for (idx, (name, _)) in tables.into_iter().enumerate() {
            if indices.insert(name.text, idx).is_some() {
                return Err(document.error(name.at, format!("`{}` is a question and an answer", name.text)));
            }
        }
        Ok(Self { document, what, indices })
    }

    fn find(&self, word: Word<'_>) -> Result<usize> {
        self.indices.get(word.text).copied().ok_or_else(|| {
            let error = self.document.error(word.at, format!("there is no {} `{}`", self.what, word.text));
            error.with_hint(nearest::hint(word.text, self.indices.keys().copied()))
        })
    }
}

impl RuleSet {
    /// Whether some answer has this choice.
    fn offers(&self, name: &str) -> bool {
        self.nodes.iter().any(|node| match node {
            Node::Question(_) => false,
            Node::Answer(answer) => answer.choices.iter().any(|choice| choice.name == name),
        })
    }
}
