//! Lines of bytes with their numbers, and a limit on their length.

use std::io::{self, BufRead, Read};

/// A longer line or record is refused: it is a file of another kind.
pub(super) const MAX_BYTES: usize = 1 << 30;

/// Reads lines one after the other into a buffer that is used again.
pub(super) struct Lines {
    reader: Box<dyn BufRead + Send>,
    number: u64,
    buffer: Vec<u8>,
}

/// A line without its end.
pub(super) enum Line<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// It is longer than [`MAX_BYTES`]; the rest of it was passed over.
    TooLong,
}

impl Lines {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self { reader, number: 0, buffer: Vec::new() }
    }

    /// Number of the line read last, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, or `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let limit = MAX_BYTES as u64 + 2;
        if self.reader.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.ends_with(b"\n") {
            self.buffer.pop();
            if self.buffer.ends_with(b"\r") {
                self.buffer.pop();
            }
        } else if self.buffer.len() as u64 == limit {
            self.buffer = Vec::new();
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Line::TooLong));
        }
        if self.buffer.len() > MAX_BYTES {
            return Ok(Some(Line::TooLong));
        }
        // A byte order mark is not part of the first text.
        let start = if self.number == 1 && self.buffer.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Ok(Some(Line::Bytes(&self.buffer[start..])))
    }
}

impl Line<'_> {
    /// The text of the line, or why it is none.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Line::Bytes(bytes) => super::reader::utf8(bytes, "line"),
            Line::TooLong => Err(format!("it is longer than {} MiB", MAX_BYTES >> 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &[&[u8]]) {
        let mut lines = Lines::new(Box::new(io::Cursor::new(text.to_vec())));
        let mut found = Vec::new();
        while let Some(Line::Bytes(bytes)) = lines.next().unwrap() {
            found.push(bytes.to_vec());
        }
        assert_eq!(found, expected);
        assert_eq!(lines.number(), expected.len() as u64);
    }

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        check(b"", &[]);
        check(b"\n", &[b""]);
        check(b"a\r\nb\n\nc", &[b"a", b"b", b"", b"c"]);
        check(b"\xEF\xBB\xBFa\n \tb\r\r\n", &[b"a", b" \tb\r"]);
    }
}
