//! The wire format of protocol buffers, read field by field from a file of any length.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>.

use std::io::{self, BufReader, Read, Seek};

/// Most fields in a file, packed numbers counted as one: many times what the largest graphs have. An engine takes some
/// fifty bytes of memory for each, however short it is in the file.
const MOST_FIELDS: usize = 1 << 20;

/// Why a file is refused.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It is not a graph that an engine should see.
    Broken(String),
    /// It names weights that cannot be had.
    Weights(drivetrain_contract::Error),
    /// It cannot be read.
    Io(io::Error),
}

impl Problem {
    pub(crate) fn broken(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }
}

impl From<io::Error> for Problem {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            // Lengths are checked before anything is read, so the file has become shorter.
            io::ErrorKind::UnexpectedEof => Self::broken("it is truncated"),
            _ => Self::Io(err),
        }
    }
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) number: u64,
    pub(crate) value: Value,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    /// An integer.
    Int(u64),
    /// Four or eight bytes, which have been passed over.
    Fixed(u64),
    /// A message, a text or packed numbers, which come next.
    Bytes(Span),
}

/// Bytes of a file that are to be read or skipped next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) n_bytes: u64,
    end: u64,
}

/// A file that is read from front to back, skipping what does not matter.
#[derive(Debug)]
pub(crate) struct Wire<R> {
    reader: BufReader<R>,
    at: u64,
    n_fields: usize,
}

impl<R: Read + Seek> Wire<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), at: 0, n_fields: 0 }
    }

    /// The message that is the whole file.
    pub(crate) fn whole(length: u64) -> Span {
        Span { n_bytes: length, end: length }
    }

    /// The next field of a message; `None` at its end.
    pub(crate) fn field(&mut self, message: Span) -> Result<Option<Field>, Problem> {
        if self.at == message.end {
            return Ok(None);
        }
        self.n_fields += 1;
        if self.n_fields > MOST_FIELDS {
            return Err(Problem::broken(format!("it has more than {MOST_FIELDS} fields")));
        }
        let tag = self.varint(message)?;
        let value = match tag & 7 {
            0 => Value::Int(self.varint(message)?),
            1 => Value::Fixed(self.pass(message, 8)?),
            5 => Value::Fixed(self.pass(message, 4)?),
            2 => {
                let n_bytes = self.varint(message)?;
                Value::Bytes(Span { n_bytes, end: self.end_of(message, n_bytes)? })
            }
            other => return Err(Problem::broken(format!("wire type {other} at byte {} is none of ONNX", self.at))),
        };
        Ok(Some(Field { number: tag >> 3, value }))
    }

    /// Passes over what is left of a field.
    pub(crate) fn skip(&mut self, span: Span) -> Result<(), Problem> {
        let n_bytes = span.end - self.at;
        self.pass(span, n_bytes).map(drop)
    }

    /// Reads a short text or name.
    pub(crate) fn take(&mut self, span: Span, most_bytes: u64) -> Result<Vec<u8>, Problem> {
        if span.n_bytes > most_bytes {
            return Err(Problem::broken(format!("it has a name of {} bytes", span.n_bytes)));
        }
        let mut bytes = vec![0; span.n_bytes as usize];
        self.reader.read_exact(&mut bytes)?;
        self.at = span.end;
        Ok(bytes)
    }

    /// The next of packed numbers; `None` at their end.
    pub(crate) fn packed(&mut self, span: Span) -> Result<Option<u64>, Problem> {
        if self.at == span.end { Ok(None) } else { self.varint(span).map(Some) }
    }

    fn varint(&mut self, message: Span) -> Result<u64, Problem> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            self.end_of(message, 1)?;
            let mut byte = [0];
            self.reader.read_exact(&mut byte)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(Problem::broken(format!("a number before byte {} has no end", self.at)))
    }

    fn pass(&mut self, message: Span, n_bytes: u64) -> Result<u64, Problem> {
        self.at = self.end_of(message, n_bytes)?;
        self.reader.seek_relative(n_bytes.cast_signed())?;
        Ok(n_bytes)
    }

    /// Where so many bytes end, if that is inside the message.
    fn end_of(&self, message: Span, n_bytes: u64) -> Result<u64, Problem> {
        self.at.checked_add(n_bytes).filter(|&end| end <= message.end).ok_or_else(|| {
            Problem::broken(format!("a field at byte {} is longer than what it lies in: it is truncated", self.at))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, u64)>, Problem> {
        let mut wire = Wire::new(Cursor::new(bytes));
        let message = Wire::<Cursor<&[u8]>>::whole(bytes.len() as u64);
        let mut found = Vec::new();
        while let Some(Field { number, value }) = wire.field(message)? {
            found.push((
                number,
                match value {
                    Value::Int(value) | Value::Fixed(value) => value,
                    Value::Bytes(span) => {
                        wire.skip(span)?;
                        span.n_bytes
                    }
                },
            ));
        }
        Ok(found)
    }

    #[test]
    fn fields_are_as_the_format_documents_them() {
        let bytes = [&b"\x08\x96\x01\x12\x07testing\x1d\0\0\x80\x3f\x21"[..], &[0; 8], b"\x82\x01\x00"].concat();
        assert_eq!(fields(&bytes).unwrap(), [(1, 150), (2, 7), (3, 4), (4, 8), (16, 0)]);
        assert_eq!(fields(&[&[0x08][..], &[0xff; 9], &[1]].concat()).unwrap(), [(1, u64::MAX)]);
    }

    #[test]
    fn every_cut_and_every_lie_about_a_length_is_an_error() {
        let whole = b"\x08\x96\x01\x12\x07testing\x1d\0\0\x80\x3f";
        let ends = [0, 3, 12, 17];
        for len in 0..=whole.len() {
            assert_eq!(fields(&whole[..len]).is_ok(), ends.contains(&len), "{len} bytes");
        }
        let endless = [&[0x12][..], &[0xff; 9], &[1]].concat();
        for bytes in [&endless[..], b"\x12\xff\xff\xff\xff\x07", &[0xff; 11], b"\x0b", b"\x0f\x00", b"\x21\0\0\0\0"] {
            assert!(matches!(fields(bytes), Err(Problem::Broken(_))), "{bytes:?}");
        }
    }

    #[test]
    fn there_is_an_end_to_fields() {
        let many = [0x0a, 0].repeat(MOST_FIELDS + 1);
        assert!(matches!(fields(&many), Err(Problem::Broken(message)) if message.contains("more than")));
    }
}
