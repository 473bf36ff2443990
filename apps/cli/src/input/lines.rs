//! Lines of bytes with their numbers, and a limit on their length.

use std::io::{self, BufRead, Read};

/// A longer line is refused: it is a file of another kind.
pub(crate) const MAX_LINE_BYTES: usize = 1 << 30;

/// Reads lines one after the other into a buffer that is used again.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    number: u64,
    buffer: Vec<u8>,
}

/// A line without its end.
pub(crate) enum Line<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// It is longer than [`MAX_LINE_BYTES`]; the rest of it was passed over.
    TooLong,
}

impl Lines {
    pub(crate) fn new(reader: Box<dyn BufRead>) -> Self {
        Self { reader, number: 0, buffer: Vec::new() }
    }

    /// Number of the line read last, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.buffer.clear();
        let limit = MAX_LINE_BYTES as u64 + 2;
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
        if self.buffer.len() > MAX_LINE_BYTES {
            return Ok(Some(Line::TooLong));
        }
        // A byte order mark is not part of the first text.
        let start = if self.number == 1 && self.buffer.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Ok(Some(Line::Bytes(&self.buffer[start..])))
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
