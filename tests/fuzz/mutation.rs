//! Changes to a file, as a strategy that can be shrunk.

use proptest::{collection::vec, prelude::*, sample::Index};

/// A change; places are shares of the file's length.
#[derive(Clone, Debug)]
enum Mutation {
    Flip { at: Index, bit: u8 },
    Cut { at: Index },
    Remove { at: Index, len: usize },
    Insert { at: Index, bytes: Vec<u8> },
    Overwrite { at: Index, bytes: Vec<u8> },
    Copy { from: Index, to: Index, len: usize },
    Repeat { at: Index, len: usize, times: usize },
}

/// Numbers at the edges of what formats can say.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX - 7, u64::MAX];

/// What stands in the formats: numbers as text, brackets, operations of pickle, tags of fields.
const WORDS: [&[u8]; 25] = [
    b"-1",
    b"18446744073709551615",
    b"9223372036854775807",
    b"1e999",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"[[[[[[[[",
    b"null",
    b"../",
    b"/etc/passwd",
    b"(",
    b"t",
    b"R",
    b"Q",
    b"\x85",
    b"h\0",
    b"q\0",
    b"u",
    b"PK\x01\x02",
    b"\x0a\x00",
    b"\x3a\x04",
    b"\xff\xff\xff\xff\x0f",
];

/// A seed's number and its mutated bytes: mostly a few changes of a sound file, sometimes anything at all.
pub(crate) fn mutated(seeds: Vec<Vec<u8>>, mend: fn(Vec<u8>) -> Vec<u8>) -> impl Strategy<Value = (usize, Vec<u8>)> {
    let n_seeds = seeds.len();
    let changed = (0..n_seeds, vec(mutation(), 1..6), any::<bool>()).prop_map(move |(idx, mutations, is_mended)| {
        let mut bytes = seeds[idx].clone();
        mutations.iter().for_each(|mutation| apply(mutation, &mut bytes));
        (idx, if is_mended { mend(bytes) } else { bytes })
    });
    let random = (0..n_seeds, vec(any::<u8>(), 0..300));
    prop_oneof![15 => changed, 1 => random]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    let piece = || {
        let number = (0..EDGES.len(), 0..3usize).prop_map(|(idx, form)| match form {
            0 => EDGES[idx].to_le_bytes().to_vec(),
            1 => EDGES[idx].to_le_bytes()[..4].to_vec(),
            _ => EDGES[idx].to_string().into_bytes(),
        });
        prop_oneof![number, (0..WORDS.len()).prop_map(|idx| WORDS[idx].to_vec()), vec(any::<u8>(), 1..4)]
    };
    prop_oneof![
        4 => (at(), 0..8u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        1 => at().prop_map(|at| Mutation::Cut { at }),
        1 => (at(), 1..16usize).prop_map(|(at, len)| Mutation::Remove { at, len }),
        2 => (at(), piece()).prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        4 => (at(), piece()).prop_map(|(at, bytes)| Mutation::Overwrite { at, bytes }),
        2 => (at(), at(), 1..64usize).prop_map(|(from, to, len)| Mutation::Copy { from, to, len }),
        1 => (at(), 1..32usize, 2..2000usize).prop_map(|(at, len, times)| Mutation::Repeat { at, len, times }),
    ]
}

fn apply(mutation: &Mutation, bytes: &mut Vec<u8>) {
    // A place behind the last byte counts, but for what needs a byte there.
    let place = |at: &Index, len: usize| at.index(len + 1);
    let end = |start: usize, len: usize, total: usize| start.saturating_add(len).min(total);
    match mutation {
        Mutation::Flip { at, bit } => {
            let place = place(at, bytes.len());
            bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << bit);
        }
        Mutation::Cut { at } => bytes.truncate(place(at, bytes.len())),
        Mutation::Remove { at, len } => {
            let start = place(at, bytes.len());
            bytes.drain(start..end(start, *len, bytes.len()));
        }
        Mutation::Insert { at, bytes: piece } => {
            let start = place(at, bytes.len());
            bytes.splice(start..start, piece.iter().copied());
        }
        Mutation::Overwrite { at, bytes: piece } => {
            let start = place(at, bytes.len());
            bytes.splice(start..end(start, piece.len(), bytes.len()), piece.iter().copied());
        }
        Mutation::Copy { from, to, len } => {
            let start = place(from, bytes.len());
            let piece = bytes[start..end(start, *len, bytes.len())].to_vec();
            let start = place(to, bytes.len());
            bytes.splice(start..end(start, piece.len(), bytes.len()), piece);
        }
        Mutation::Repeat { at, len, times } => {
            let start = place(at, bytes.len());
            let piece = bytes[start..end(start, *len, bytes.len())].repeat(*times);
            bytes.splice(start..start, piece);
        }
    }
}
