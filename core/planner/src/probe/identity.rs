//! What a measurement on this machine depends on, so that it is not believed on another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Found, Hardware};

/// What makes two machines alike to an engine. Stays the same from start to start, and on a machine of the same type.
///
/// Memory is left out: it decides what fits, not how fast it is. Cards are told apart by name and driver, not by
/// serial number: rented machines are given another card of the same type every day.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Operating system, kind of processor, and which one.
    pub processor: String,
    /// Extensions of the instruction set that can be used, in alphabetical order.
    pub isa: String,
    /// How many processors may be used, and how they share cores.
    pub cpus: String,
    /// Cards with their drivers, in order.
    pub gpus: String,
}

impl Hardware {
    /// What a measurement on this machine depends on.
    pub fn identity(&self) -> Identity {
        let word = |found: &Option<Found<String>>| found.as_ref().map_or("?", |found| &found.value).to_owned();
        let number =
            |found: &Option<Found<u32>>| found.as_ref().map_or("?".to_owned(), |found| found.value.to_string());
        let isa = self.cpu.isa.as_ref().map_or_else(Vec::new, |isa| isa.value.iter().map(String::as_str).collect());
        let cpus = self.cpus().map_or("?".to_owned(), |cpus| cpus.to_string());
        let slow = self.cpu.efficiency.as_ref().map_or(0, |slow| slow.value.and(&self.usable()).len());
        Identity {
            processor: format!("{} {} ({})", self.platform, word(&self.cpu.model), word(&self.cpu.id)),
            isa: isa.join(" "),
            cpus: format!(
                "{cpus} on {} cores of {}, {slow} slow, {} threads each",
                number(&self.limits.cores),
                number(&self.cpu.cores),
                number(&self.cpu.threads_per_core)
            ),
            gpus: self.gpus.iter().map(|gpu| card(&gpu.value)).collect::<Vec<_>>().join(", "),
        }
    }
}

fn card(gpu: &super::Gpu) -> String {
    let driver = gpu.driver.as_ref().map_or_else(String::new, |driver| format!(" (driver {driver})"));
    format!("{}{driver}", gpu.name)
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.processor, self.isa, self.cpus)?;
        match self.gpus.is_empty() {
            true => Ok(()),
            false => write!(f, "; {}", self.gpus),
        }
    }
}
