//! Memory does not grow with the input.

use std::fmt::Write;

use crate::jobs::Place;

/// What a hundred times as many texts may add, in bytes: the allocator's leftovers.
const MAY_GROW: u64 = 50 << 20;

/// So many short texts, no two alike.
fn texts(n_texts: usize) -> String {
    let mut texts = String::new();
    for idx in 0..n_texts {
        writeln!(texts, "boat {} in the harbour of town {idx}", idx % 97).expect("a string takes everything");
    }
    texts
}

#[test]
fn a_million_texts_take_the_memory_of_ten_thousand() {
    let Some(place) = Place::new() else { return };
    let peak = |n_texts: usize| {
        let name = format!("{n_texts}.txt");
        place.write(&name, texts(n_texts));
        let args = ["-m", "builtin", "-i", &name, "--format", "npy", "-o", "/dev/null"];
        let (outcome, peak) = place.embed(&args).start().wait_with_peak();
        outcome.succeeded();
        peak
    };
    let (few, many) = (peak(10_000), peak(1_000_000));
    assert!(few > 0 && many < few + MAY_GROW, "{few} bytes became {many}");
}
