//! Texts of a wanted length, cut from prose that the program has with it.

use std::collections::HashSet;

use drivetrain_convert::check::sample_texts;

/// Most texts that are made.
const MOST_TEXTS: usize = 2048;
/// Most characters of all of them together: what a fast engine embeds in a second or two.
const MOST_CHARS: usize = 1 << 20;
/// How often the prose is gone through: there are only so many texts of a word or two.
const MOST_ROUNDS: usize = 256;
/// Lengths of texts around the wanted one, in hundredths of it: texts are never all alike.
const SPREAD: [usize; 7] = [100, 70, 130, 85, 150, 60, 105];
/// Lengths where none is wanted: from sentences to paragraphs.
const ANY: [usize; 7] = [120, 40, 600, 80, 250, 1200, 160];

/// Texts of about `chars` characters, or of many lengths, no two of them alike.
pub(super) fn texts(chars: Option<u32>) -> Vec<String> {
    let lengths = match chars {
        Some(chars) => SPREAD.map(|share| (chars as usize).saturating_mul(share).div_ceil(100)),
        None => ANY,
    };
    // One text in English each, without those in other languages, whose tokens are far shorter.
    let words: Vec<&str> = sample_texts().filter(|text| text.is_ascii()).flat_map(str::split_whitespace).collect();
    let (mut texts, mut seen) = (Vec::new(), HashSet::new());
    let (mut next, mut total) = (0, 0);
    // Each round through the words begins elsewhere, so that the same cuts hardly come again.
    while texts.len() < MOST_TEXTS && total < MOST_CHARS && next < words.len() * MOST_ROUNDS {
        let wanted = lengths[texts.len() % lengths.len()].clamp(1, MOST_CHARS);
        let mut text = String::with_capacity(wanted + 16);
        while text.len() < wanted {
            if !text.is_empty() {
                text.push(' ');
            }
            let round = next / words.len();
            text.push_str(words[(next + round * 7) % words.len()]);
            next += 1;
        }
        // Equal texts are computed once, which would be no measurement.
        if seen.insert(text.clone()) {
            total += text.len();
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn check(chars: Option<u32>, lengths: std::ops::Range<usize>, least: usize) {
        let texts = texts(chars);
        assert!(texts.len() >= least, "{}", texts.len());
        assert!(texts.iter().all(|text| lengths.contains(&text.len())), "{chars:?}");
        let distinct: BTreeSet<&String> = texts.iter().collect();
        assert_eq!(distinct.len(), texts.len());
    }

    #[test]
    fn texts_have_the_wanted_length_and_are_not_alike() {
        check(Some(100), 60..170, 2000);
        check(Some(600), 360..920, 1000);
        check(Some(9600), 5700..14_420, 100);
        check(None, 40..1220, 1000);
        check(Some(u32::MAX), 1 << 20..(1 << 20) + 64, 1);
    }

    #[test]
    fn a_character_is_a_text() {
        assert!(texts(Some(1)).iter().all(|text| !text.is_empty()));
    }
}
