//! How much of an over-long text has to be tokenised.
//!
//! Truncation happens after tokenising, and tokenising takes some sixty bytes of memory for each byte of text. Of a text
//! far longer than the model can take, only a window at the kept end is therefore tokenised, and it grows until the
//! tokens that are kept are *settled*: until what lies beyond the window cannot change them.
//!
//! Why settled tokens are those of the whole text: a tokenizer splits the text into words and turns each word into
//! tokens by itself, and where a word ends depends on a few characters around that place only. So cutting the text can
//! change the word at the cut and what its neighbourhood decides, not the words before. Tokens of the outermost word and
//! of [`MARGIN`] bytes at the cut are never counted as settled. Tokenizers that do not split into words have one word,
//! the text; their tokens depend on what is near in practice, and count as settled in the half of the window that is
//! away from the cut.

use drivetrain_package::Side;
use tokenizers::Encoding;

/// Bytes of text per token in the first window: twice what most text has, since tokenising a window again costs less
/// than tokenising twice as much of every text.
const BYTES_PER_TOKEN: usize = 10;
/// Bytes at the cut whose tokens are never settled: longer than any special token or pattern that reads ahead.
const MARGIN: usize = 512;
/// Most bytes of a text that are read at all when it is truncated, unless the first window is longer: a text that has
/// not filled the model's limit by then is a run of blanks or of one unknown word.
const MOST: usize = 1 << 20;

/// Length in bytes of the first window for `room` tokens; shorter texts are tokenised whole.
pub(crate) fn first_len(room: usize) -> usize {
    room.saturating_mul(BYTES_PER_TOKEN).saturating_add(2 * MARGIN)
}

/// Most bytes of a text that are read for `room` tokens.
pub(crate) fn most_len(room: usize) -> usize {
    first_len(room).max(MOST)
}

/// At most `len` bytes of the text at the end that truncation on `side` keeps, cut before or after a blank if there is
/// one in the half near the cut.
pub(crate) fn cut(text: &str, len: usize, side: Side) -> &str {
    if text.len() <= len {
        return text;
    }
    match side {
        Side::Right => {
            let head = &text[..text.floor_char_boundary(len)];
            let blank = head.rfind(char::is_whitespace).filter(|&at| at >= head.len() / 2);
            &head[..blank.unwrap_or(head.len())]
        }
        Side::Left => {
            let tail = &text[text.ceil_char_boundary(text.len() - len)..];
            let blank = tail.find(char::is_whitespace).filter(|&at| at <= tail.len() / 2);
            &tail[blank.unwrap_or(0)..]
        }
    }
}

/// Number of tokens at the kept end of a window of `len` bytes that the text beyond the window cannot change.
pub(crate) fn settled(window: &Encoding, len: usize, side: Side) -> usize {
    let (words, offsets) = (window.get_word_ids(), window.get_offsets());
    match side {
        Side::Right => {
            let in_last = words.iter().rev().take_while(|word| Some(*word) == words.last()).count();
            let word_start = offsets[offsets.len() - in_last..].first().map_or(0, |span| span.0);
            let safe = word_start.min(len.saturating_sub(MARGIN)).max(len / 2);
            offsets.iter().take_while(|span| span.1 <= safe).count()
        }
        Side::Left => {
            let in_first = words.iter().take_while(|word| Some(*word) == words.first()).count();
            let word_end = offsets[..in_first].last().map_or(len, |span| span.1);
            let safe = word_end.max(MARGIN).min(len / 2);
            offsets.iter().rev().take_while(|span| span.0 >= safe).count()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_cut(text: &str, len: usize, right: &str, left: &str) {
        assert_eq!(cut(text, len, Side::Right), right, "{text:?} to {len}, right");
        assert_eq!(cut(text, len, Side::Left), left, "{text:?} to {len}, left");
    }

    #[test]
    fn texts_are_cut_at_blanks_nearby_and_never_inside_a_character() {
        check_cut("one two three", 13, "one two three", "one two three");
        check_cut("one two three", 9, "one two", " three");
        check_cut("ab cdefghijklm", 8, "ab cdefg", "fghijklm");
        check_cut("ññññ", 5, "ññ", "ññ");
        check_cut("ññññ", 0, "", "");
    }

    #[test]
    fn lengths_do_not_overflow() {
        assert_eq!(first_len(usize::MAX), usize::MAX);
        assert_eq!(most_len(1), MOST);
    }
}
