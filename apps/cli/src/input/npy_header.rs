//! The header of a NumPy file.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. It is read here, in a few lines,
//! because the crate `npyz` multiplies the extents of a shape without a check.

use std::io::Read;

const MAGIC: &[u8] = b"\x93NUMPY";
/// A header is three short entries; longer ones describe records with many fields.
const MAX_BYTES: u32 = 1 << 16;

/// What an array is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Type of the elements, as NumPy writes it: `<f4`.
    pub(super) descr: String,
    /// Whether the data lies column by column.
    pub(super) by_columns: bool,
    pub(super) shape: Vec<u64>,
}

impl Header {
    /// Reads a header; the data comes next. The error is what is wrong.
    pub(super) fn read(mut file: impl Read) -> Result<Self, String> {
        let cut = |_| "it ends within the header".to_owned();
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(cut)?;
        if !start.starts_with(MAGIC) {
            return Err("it does not begin like one".to_owned());
        }
        let length = match start[6] {
            1 => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(cut)?;
                u32::from(u16::from_le_bytes(length))
            }
            2 | 3 => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(cut)?;
                u32::from_le_bytes(length)
            }
            version => return Err(format!("its format version {version} is not known")),
        };
        if length > MAX_BYTES {
            return Err(format!("its header has {length} bytes"));
        }
        let mut text = vec![0; length as usize];
        file.read_exact(&mut text).map_err(cut)?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// Reads the text of a header, a dictionary as Python writes it.
    fn parse(text: &str) -> Result<Self, String> {
        let quoted = |value: &str| value.strip_prefix(['\'', '"'])?.split(['\'', '"']).next().map(str::to_owned);
        let order = |value: &str| match value {
            _ if value.starts_with("False") => Some(false),
            _ if value.starts_with("True") => Some(true),
            _ => None,
        };
        let wrong = |key: &str| format!("its header has no usable `{key}`");
        Ok(Self {
            // The type of records is a list, which has no quote at its beginning.
            descr: entry(text, "descr").map(|value| quoted(value).unwrap_or_default()).ok_or_else(|| wrong("descr"))?,
            by_columns: entry(text, "fortran_order").and_then(order).ok_or_else(|| wrong("fortran_order"))?,
            shape: entry(text, "shape").and_then(extents).ok_or_else(|| wrong("shape"))?,
        })
    }
}

/// What follows a key.
fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let find = |quote: char| text.split_once(&format!("{quote}{key}{quote}"));
    let (_, rest) = find('\'').or_else(|| find('"'))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// The numbers of a tuple: `(2, 3)`, `(2,)`, `()`.
fn extents(value: &str) -> Option<Vec<u64>> {
    let (inner, _) = value.strip_prefix('(')?.split_once(')')?;
    let numbers = inner.split(',').map(str::trim).filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(&str, bool, &[u64])>) {
        let expect =
            expect.map(|(descr, by_columns, shape)| Header { descr: descr.into(), by_columns, shape: shape.into() });
        assert_eq!(Header::parse(text).ok(), expect, "{text}");
    }

    #[test]
    fn headers_are_read_as_python_writes_them() {
        check("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", Some(("<f4", false, &[2, 3])));
        check("{\"shape\":(7,),\"fortran_order\":True,\"descr\":\">f8\"}", Some((">f8", true, &[7])));
        check("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", Some(("|b1", false, &[])));
        check("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", Some(("", false, &[1])));
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_refused() {
        check("", None);
        check("{'descr': '<f4', 'fortran_order': False}", None);
        check("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", None);
        check("{'descr': '<f4', 'fortran_order': False, 'shape': (1", None);
        check("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}", None);
        check("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}", None);
        for bytes in [
            &b""[..],
            b"\x93NUMPY",
            b"\x93NUMPY\x01\0\xff\xff{}",
            b"\x93NUMPY\x02\0\xff\xff\xff\xff",
            b"\x93NUMPY\x09\0",
        ] {
            assert!(Header::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
