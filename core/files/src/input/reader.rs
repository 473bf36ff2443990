//! What a reader of one format gives.

use arrow_schema::SchemaRef;
use drivetrain_contract::Error;

use super::Record;

/// Reads one input.
pub(super) trait Reader: Send {
    /// The next record; `None` at the end, and after [`Flaw::Input`].
    fn next(&mut self) -> Option<Result<Record, Flaw>>;

    /// The columns that its records carry, known after the first record; `None` is nothing but the text.
    fn schema(&self) -> Option<SchemaRef> {
        None
    }
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Flaw {
    /// A record; those after it can be read.
    Record(Error),
    /// The input; nothing more of it can be read.
    Input(Error),
}

impl Flaw {
    /// A record that is no text. `place` is what messages call it.
    pub(super) fn record(place: &str, label: &str, why: &str) -> Self {
        let error = Error::invalid(format!("{place} of {label}: {why}"));
        Self::Record(error.with_hint("`--skip-errors` leaves such lines out"))
    }
}

/// Text of bytes, or why not.
pub(super) fn utf8<'a>(bytes: &'a [u8], whole: &str) -> Result<&'a str, String> {
    str::from_utf8(bytes).map_err(|err| format!("it is not UTF-8 (byte {} of the {whole})", err.valid_up_to() + 1))
}
