//! Sets of logical processors, as Linux writes them: `0-3,8`.

use std::{collections::BTreeSet, fmt, str::FromStr};

use drivetrain_contract::{Error, Result};
use serde::{Deserialize, Serialize};

/// More than any kernel is built for. A range read from a file must not become gigabytes.
const MAX_CPUS: u32 = 1 << 16;

/// Numbers of logical processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CpuSet(BTreeSet<u32>);

impl CpuSet {
    /// The first `count` processors.
    pub fn first(count: u32) -> Self {
        (0..count.min(MAX_CPUS)).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Whether `cpu` is one of them.
    pub fn contains(&self, cpu: u32) -> bool {
        self.0.contains(&cpu)
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        self.0.intersection(&other.0).copied().collect()
    }
}

impl FromIterator<u32> for CpuSet {
    fn from_iter<I: IntoIterator<Item = u32>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

/// The format of `Cpus_allowed_list` in proc(5), and of the lists below `/sys/devices/system/cpu`.
impl FromStr for CpuSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let broken = || Error::invalid(format!("`{}` is no list of processors", text.escape_default()));
        let number = |text: &str| text.trim().parse().ok().filter(|cpu| *cpu < MAX_CPUS).ok_or_else(broken);
        let mut cpus = BTreeSet::new();
        for part in text.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u32, u32) = (number(first)?, number(last)?);
            if first > last {
                return Err(broken());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            match first == last {
                true => write!(f, "{separator}{first}")?,
                false => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl TryFrom<String> for CpuSet {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<CpuSet> for String {
    fn from(cpus: CpuSet) -> Self {
        cpus.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_round_trip() {
        for (text, written, len) in
            [("0-3,8\n", "0-3,8", 5), ("", "", 0), ("7", "7", 1), ("1,0,2", "0-2", 3), ("0-1,4-5", "0-1,4-5", 4)]
        {
            let cpus: CpuSet = text.parse().unwrap();
            assert_eq!((cpus.to_string().as_str(), cpus.len()), (written, len), "{text}");
        }
        let set = |text: &str| text.parse::<CpuSet>().unwrap();
        assert_eq!(set("0-7").and(&set("4-11")), set("4-7"));
    }

    #[test]
    fn hostile_lists_are_refused() {
        for text in ["0-4294967295", "65536", "3-1", "-1", "a", "1-2-3", "0x1", "1;2", "99999999999999999999"] {
            assert!(text.parse::<CpuSet>().is_err(), "{text}");
        }
        assert!(serde_json::from_str::<CpuSet>("\"0-99999\"").is_err());
    }
}
