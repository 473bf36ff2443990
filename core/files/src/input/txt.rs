//! A text on each line.

use super::{
    Record,
    lines::Lines,
    reader::{Flaw, Reader},
};
use crate::failure::unreadable;

pub(super) struct TxtReader {
    lines: Lines,
    label: String,
}

impl TxtReader {
    pub(super) fn new(lines: Lines, label: String) -> Self {
        Self { lines, label }
    }
}

impl Reader for TxtReader {
    fn next(&mut self) -> Option<Result<Record, Flaw>> {
        let text = match self.lines.next() {
            Ok(line) => line?.text().map(str::to_owned),
            Err(err) => return Some(Err(Flaw::Input(unreadable(&self.label, err)))),
        };
        let place = || format!("line {}", self.lines.number());
        Some(text.map(Record::new).map_err(|why| Flaw::record(&place(), &self.label, &why)))
    }
}
