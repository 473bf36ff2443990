//! Tables of a TOML document, read key by key, with the place of whatever is wrong.

use std::{collections::BTreeSet, fmt::Display};

use drivetrain_contract::{Error, Result};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::nearest;

/// A document, for the places in messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'d> {
    pub(super) label: &'d str,
    pub(super) text: &'d str,
}

/// A text in a document: a key, or a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'d> {
    pub(super) text: &'d str,
    /// Byte at which it begins.
    pub(super) at: usize,
}

/// A table all of whose keys are known.
#[derive(Debug)]
pub(super) struct Table<'d> {
    pub(super) document: Document<'d>,
    /// What a message calls it.
    label: String,
    at: usize,
    entries: &'d DeTable<'d>,
}

impl<'d> Document<'d> {
    /// What the text holds.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'d>>> {
        DeTable::parse(self.text).map_err(|err| self.error(err.span().map_or(0, |span| span.start), err.message()))
    }

    /// An error at a byte of the text.
    pub(super) fn error(&self, at: usize, message: impl Display) -> Error {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::invalid(format!("`{}`:{line}:{column}: {message}", self.label))
    }
}

impl<'d> Table<'d> {
    /// The whole document as a table.
    pub(super) fn top(document: Document<'d>, entries: &'d DeTable<'d>, known: &[&str]) -> Result<Self> {
        Self::new(document, Word { text: "", at: 0 }, entries, known)
    }

    /// The table `name`.
    ///
    /// # Errors
    /// For the first key that is not known.
    fn new(document: Document<'d>, name: Word<'d>, entries: &'d DeTable<'d>, known: &[&str]) -> Result<Self> {
        let label = if name.text.is_empty() { String::new() } else { format!(" in `{}`", name.text) };
        let table = Self { document, label, at: name.at, entries };
        let unknown = table.keys().into_iter().find(|key| !known.contains(&key.text));
        match unknown {
            Some(key) => Err(table
                .wrong(key.at, format!("unknown key `{}`", key.text))
                .with_hint(nearest::hint(key.text, known.iter().copied()))),
            None => Ok(table),
        }
    }

    /// The keys in their order.
    fn keys(&self) -> Vec<Word<'d>> {
        let mut keys: Vec<Word<'d>> =
            self.entries.keys().map(|key| Word { text: key.get_ref(), at: key.span().start }).collect();
        keys.sort_by_key(|key| key.at);
        keys
    }

    /// Where a key is, if it is there.
    pub(super) fn place_of(&self, key: &str) -> Option<usize> {
        self.entries.get_key_value(key).map(|(key, _)| key.span().start)
    }

    /// An error in this table.
    pub(super) fn wrong(&self, at: usize, message: impl Display) -> Error {
        self.document.error(at, format!("{message}{}", self.label))
    }

    /// An error about the table as a whole.
    pub(super) fn incomplete(&self, message: impl Display) -> Error {
        self.wrong(self.at, message)
    }

    /// A text, if the key is there.
    pub(super) fn word(&self, key: &str) -> Result<Option<Word<'d>>> {
        self.entries.get(key).map(|value| self.as_word(key, value)).transpose()
    }

    /// A text that must be there.
    pub(super) fn needed_word(&self, key: &str) -> Result<Word<'d>> {
        self.word(key)?.ok_or_else(|| self.missing(key))
    }

    /// A text, or a list of texts of which none is there twice; at least one.
    pub(super) fn needed_words(&self, key: &str) -> Result<Vec<Word<'d>>> {
        let value = self.entries.get(key).ok_or_else(|| self.missing(key))?;
        let words: Vec<Word<'d>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.as_word(key, item)).collect::<Result<_>>()?,
            _ => vec![self.as_word(key, value)?],
        };
        if words.is_empty() {
            return Err(self.wrong(value.span().start, format!("`{key}` must not be empty")));
        }
        let mut seen = BTreeSet::new();
        match words.iter().find(|word| !seen.insert(word.text)) {
            Some(word) => Err(self.wrong(word.at, format!("`{}` is there twice", word.text))),
            None => Ok(words),
        }
    }

    /// A finite number, if the key is there.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.entries.get(key) else { return Ok(None) };
        let number: Option<f64> = match value.get_ref() {
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64)
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(value.span().start, format!("`{key}` must be a number"))),
        }
    }

    /// A text or a date.
    pub(super) fn date(&self, key: &str) -> Result<Option<String>> {
        match self.entries.get(key).map(Spanned::get_ref) {
            Some(DeValue::Datetime(date)) => Ok(Some(date.to_string())),
            _ => Ok(self.word(key)?.map(|word| word.text.to_owned())),
        }
    }

    /// The table under a key, or none.
    pub(super) fn table(&self, key: &'d str, known: &[&str]) -> Result<Option<Table<'d>>> {
        let Some((name, value)) = self.entries.get_key_value(key) else { return Ok(None) };
        let name = Word { text: key, at: name.span().start };
        Table::new(self.document, name, self.as_table(name, value)?, known).map(Some)
    }

    /// The tables in the table under a key, by name, in their order.
    pub(super) fn tables(&self, key: &'d str, known: &[&str]) -> Result<Vec<(Word<'d>, Table<'d>)>> {
        let Some((name, value)) = self.entries.get_key_value(key) else { return Ok(Vec::new()) };
        let outer = self.as_table(Word { text: key, at: name.span().start }, value)?;
        let mut tables = Vec::new();
        for (name, value) in outer {
            let name = Word { text: name.get_ref(), at: name.span().start };
            tables.push((name, Table::new(self.document, name, self.as_table(name, value)?, known)?));
        }
        tables.sort_by_key(|(name, _)| name.at);
        Ok(tables)
    }

    fn as_table(&self, name: Word<'d>, value: &'d Spanned<DeValue<'d>>) -> Result<&'d DeTable<'d>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.wrong(name.at, format!("`{}` must be a table", name.text))),
        }
    }

    fn as_word(&self, key: &str, value: &'d Spanned<DeValue<'d>>) -> Result<Word<'d>> {
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => Ok(Word { text, at }),
            DeValue::String(_) => Err(self.wrong(at, format!("`{key}` must not be empty"))),
            _ => Err(self.wrong(at, format!("`{key}` must be text"))),
        }
    }

    fn missing(&self, key: &str) -> Error {
        self.incomplete(format!("`{key}` is missing"))
    }
}
