//! Machines as rules see them.

use crate::{probe::machines::machine, rules::Facts};

pub(super) fn intel_amx_server() -> Facts {
    machine("intel-amx-server").facts()
}

pub(super) fn intel_laptop() -> Facts {
    machine("intel-laptop").facts()
}

pub(super) fn amd_zen5() -> Facts {
    machine("amd-zen5").facts()
}

pub(super) fn arm_server() -> Facts {
    machine("arm-server").facts()
}

/// A graphics unit without memory of its own, which the published figures say nothing of.
pub(super) fn apple_m() -> Facts {
    machine("apple-m").facts()
}

pub(super) fn small_container() -> Facts {
    machine("small-container").facts()
}

pub(super) fn t4() -> Facts {
    card("nvidia-t4")
}

pub(super) fn l4() -> Facts {
    card("nvidia-l4")
}

pub(super) fn h200() -> Facts {
    card("nvidia-h200")
}

/// A card with a model and an engine that use flash attention wherever the card can.
fn card(name: &str) -> Facts {
    let facts = machine(name).facts();
    Facts { flash_attention: facts.flash_attention.or(Some(true)), ..facts }
}
