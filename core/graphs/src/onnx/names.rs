//! Names of values and functions, as numbers.

use std::collections::HashMap;

use super::wire::Problem;

/// Longest name: those that exporters make from Python's have some hundred bytes.
pub(crate) const MOST_BYTES: u64 = 1 << 12;

/// Bytes of all names together, and of what each costs beside its bytes: many times what the largest graphs have.
const MOST_BYTES_IN_ALL: usize = 32 << 20;
const COST: usize = 64;

/// Names that have been met. The number of a name is its place in the order they were met in.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<Box<[u8]>, u32>,
    n_bytes: usize,
}

impl Names {
    /// The number of a name.
    pub(crate) fn number(&mut self, name: Vec<u8>) -> Result<u32, Problem> {
        if let Some(&number) = self.numbers.get(name.as_slice()) {
            return Ok(number);
        }
        self.n_bytes += name.len() + COST;
        if self.n_bytes > MOST_BYTES_IN_ALL {
            return Err(Problem::broken("it has more names than any graph needs"));
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    /// The name of a number, as messages show it.
    pub(crate) fn shown(&self, number: u32) -> String {
        let name = self.numbers.iter().find(|(_, known)| **known == number).map(|(name, _)| &name[..]);
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}
