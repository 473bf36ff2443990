//! A text, and what its input says beside it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// A text to embed, with the other columns of its input where those are kept.
#[derive(Clone, Debug)]
pub struct Record {
    text: String,
    columns: Columns,
}

/// The columns of a record's input, that of the text included.
#[derive(Clone, Debug)]
pub(crate) enum Columns {
    /// Nothing but the text.
    None,
    /// One value for each column of the schema; in place of the text, at `text`, there is [`Value::Null`].
    Values { schema: SchemaRef, text: usize, values: Vec<Value> },
    /// A row of a table, in which the text is found as well.
    Row { batch: Arc<RecordBatch>, row: usize },
}

/// A value of a column: text, a truth value, a whole number or another one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(String),
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Value {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

impl Record {
    /// A text without anything beside it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), columns: Columns::None }
    }

    pub(crate) fn with_columns(text: String, columns: Columns) -> Self {
        Self { text, columns }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }
}

impl AsRef<str> for Record {
    fn as_ref(&self) -> &str {
        &self.text
    }
}
