//! The wire format of protocol buffers, as far as writing needs it.
//!
//! Format: <https://protobuf.dev/programming-guides/encoding/>.

const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// Bytes of one message, built field by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A varint field: integers and enumerations.
    pub(crate) fn int(mut self, field: u32, value: i64) -> Self {
        self.tag(field, VARINT);
        // Negative numbers take ten bytes, as two's complement.
        self.varint(value as u64);
        self
    }

    /// A 32-bit float field.
    pub(crate) fn float(mut self, field: u32, value: f32) -> Self {
        self.tag(field, FIXED_32);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// A string or bytes field.
    pub(crate) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self = self.announce(field, value.len() as u64);
        self.bytes.extend(value);
        self
    }

    /// A string field.
    pub(crate) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// A field that is itself a message.
    pub(crate) fn message(self, field: u32, value: &Message) -> Self {
        self.bytes(field, &value.bytes)
    }

    /// The head of a length-delimited field whose `len` bytes the caller writes after this message's.
    pub(crate) fn announce(mut self, field: u32, len: u64) -> Self {
        self.tag(field, LENGTH_DELIMITED);
        self.varint(len);
        self
    }

    /// Appends the fields of `other`.
    pub(crate) fn merge(&mut self, other: &Message) {
        self.bytes.extend(&other.bytes);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint(u64::from(field) << 3 | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &Message, expect: &[u8]) {
        assert_eq!(message.as_bytes(), expect);
    }

    #[test]
    fn fields_are_as_the_format_documents_them() {
        // The first two are the examples of the format's own documentation.
        check(&Message::new().int(1, 150), &[0x08, 0x96, 0x01]);
        check(&Message::new().text(2, "testing"), b"\x12\x07testing");
        check(&Message::new().int(1, -2), &[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
        check(&Message::new().float(2, 1.0), &[0x15, 0, 0, 0x80, 0x3f]);
        check(&Message::new().message(3, &Message::new().int(1, 150)), &[0x1a, 0x03, 0x08, 0x96, 0x01]);
        check(&Message::new().announce(16, 300), &[0x82, 0x01, 0xac, 0x02]);
    }
}
