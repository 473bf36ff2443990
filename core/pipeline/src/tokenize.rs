//! Text to token ids, as the package's tokenizer and limits say.

use std::{
    borrow::Cow,
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use drivetrain_contract::{Error, Result};
use drivetrain_package::{Package, Side};
use tokenizers::{
    NormalizerWrapper, Tokenizer,
    normalizers::{Lowercase, Sequence},
};

use crate::{frame::Frame, window};

/// A package's tokenizer with its truncation and its special tokens.
///
/// Texts are not stripped of blanks, as sentence-transformers 6 does not strip them.
#[derive(Debug)]
pub(crate) struct TextTokenizer {
    tokenizer: Tokenizer,
    frame: Frame,
    room: Option<usize>,
    truncation_side: Side,
    special_ids: HashSet<u32>,
    pad_id: u32,
}

impl TextTokenizer {
    /// Reads `tokenizer.json`; its own truncation and padding are replaced by the package's.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Model`] for a broken `tokenizer.json` and for a limit that leaves no room for
    /// text, besides those of reading the file.
    pub(crate) fn new(package: &Package) -> Result<Self> {
        let facts = package.tokenizer();
        let bytes = package.tokenizer_json()?;
        let failed = format!("failed to load `tokenizer.json` of model `{}`", package.name());
        let mut tokenizer = guarded(&failed, || Tokenizer::from_bytes(&bytes))?;
        let pad_id = facts.pad_token.as_deref().and_then(|token| tokenizer.token_to_id(token));
        let pad_id = pad_id.or_else(|| tokenizer.get_padding().map(|padding| padding.pad_id)).unwrap_or(0);
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|err| Error::internal("cannot switch off truncation").with_source(err))?;
        if facts.do_lower_case {
            lowercase_first(&mut tokenizer);
        }
        let frame = Frame::of(&tokenizer)?;
        let special_ids =
            tokenizer.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special).map(|(id, _)| id);
        Ok(Self {
            special_ids: special_ids.collect(),
            room: package.max_seq_length().map(|limit| room_within(limit, frame.len())).transpose()?,
            truncation_side: facts.truncation_side,
            tokenizer,
            frame,
            pad_id,
        })
    }

    /// The special tokens around each text.
    pub(crate) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// What fills the places of a batch that have no token.
    pub(crate) fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The tokens of `prompt` followed by `text`, truncated, without special tokens.
    pub(crate) fn content(&self, prompt: &str, text: &str) -> Result<Vec<u32>> {
        let Some(room) = self.room else { return self.whole(&joined(prompt, text)) };
        let read = window::cut(text, window::most_len(room), self.truncation_side);
        let mut ids = self.kept_end(&joined(prompt, read), room)?;
        if ids.len() < room && read.len() < text.len() {
            log::warn!(
                "only {} of the {} bytes of a text were read: they hold {} tokens",
                read.len(),
                text.len(),
                ids.len()
            );
        }
        match self.truncation_side {
            Side::Right => ids.truncate(room),
            Side::Left => drop(ids.drain(..ids.len().saturating_sub(room))),
        }
        ids.shrink_to_fit();
        Ok(ids)
    }

    /// Number of leading tokens of each text that belong to `prompt`: those of the prompt alone, less a special token at
    /// its end. This is how sentence-transformers counts what `include_prompt = false` leaves out.
    ///
    /// # Errors
    /// [`drivetrain_contract::ErrorKind::Invalid`] for a prompt after which truncation leaves nothing of any text.
    pub(crate) fn prompt_len(&self, prompt: &str) -> Result<usize> {
        if prompt.is_empty() {
            return Ok(0);
        }
        let content = self.content("", prompt)?;
        if self.truncation_side == Side::Right && self.room.is_some_and(|room| content.len() >= room) {
            let limit = content.len() + self.frame.len();
            let message = format!("prompt leaves no room for text within the model's limit of {limit} tokens");
            return Err(Error::invalid(message).with_hint("shorten the prompt"));
        }
        let ends_special = self.frame.tokens(&content).last().is_some_and(|token| self.special_ids.contains(&token.id));
        Ok(self.frame.len() + content.len() - usize::from(ends_special))
    }

    /// Tokens of the text, at least the `room` that truncation keeps.
    fn kept_end(&self, text: &str, room: usize) -> Result<Vec<u32>> {
        let mut len = window::first_len(room);
        while len < text.len() {
            let part = window::cut(text, len, self.truncation_side);
            let encoding = guarded(FAILED, || self.tokenizer.encode(part, false))?;
            let settled = window::settled(&encoding, part.len(), self.truncation_side);
            if settled >= room {
                return Ok(encoding.get_ids().to_vec());
            }
            len = len.saturating_mul(4);
        }
        self.whole(text)
    }

    fn whole(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = guarded(FAILED, || self.tokenizer.encode_fast(text, false))?;
        Ok(encoding.get_ids().to_vec())
    }
}

const FAILED: &str = "failed to tokenise";

fn joined<'a>(prompt: &str, text: &'a str) -> Cow<'a, str> {
    if prompt.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(format!("{prompt}{text}")) }
}

fn room_within(limit: usize, special: usize) -> Result<usize> {
    limit.checked_sub(special).filter(|&room| room > 0).ok_or_else(|| {
        Error::model(format!("a limit of {limit} tokens leaves no room for text beside {special} special tokens"))
            .with_hint("correct `max_seq_length` in `sentence_bert_config.json`")
    })
}

/// `do_lower_case` comes before everything else the tokenizer does to a text.
fn lowercase_first(tokenizer: &mut Tokenizer) {
    let mut steps: Vec<NormalizerWrapper> = vec![Lowercase.into()];
    steps.extend(tokenizer.get_normalizer().cloned());
    tokenizer.with_normalizer(Some(Sequence::new(steps)));
}

/// The tokenizers library panics on some broken files; that must not end the program.
fn guarded<T>(what: &str, call: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(err)) => Err(Error::model(what).with_source(err).with_hint(HINT)),
        Err(_) => Err(Error::model(format!("{what}: the tokenizer panicked")).with_hint(HINT)),
    }
}

const HINT: &str = "check `tokenizer.json` of the model";

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn fixtures() -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures"))
    }

    fn texts() -> Vec<String> {
        serde_json::from_slice(&fs::read(fixtures().join("texts.json")).unwrap()).unwrap()
    }

    fn fixture(name: &str) -> (Package, TextTokenizer) {
        let package = Package::open(&fixtures().join("models").join(name)).unwrap();
        let tokenizer = TextTokenizer::new(&package).unwrap();
        (package, tokenizer)
    }

    /// With another limit than the package's.
    fn limited(tokenizer: TextTokenizer, room: usize, truncation_side: Side) -> TextTokenizer {
        TextTokenizer { room: Some(room), truncation_side, ..tokenizer }
    }

    fn framed(tokenizer: &TextTokenizer, prompt: &str, text: &str) -> Vec<u32> {
        let content = tokenizer.content(prompt, text).unwrap();
        tokenizer.frame.tokens(&content).map(|token| token.id).collect()
    }

    #[test]
    fn token_ids_are_those_of_the_reference() {
        let mut checked = 0;
        for entry in fs::read_dir(fixtures().join("models")).unwrap() {
            let dir = entry.unwrap().path();
            let expected: serde_json::Value =
                serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
            let Some(expected) = expected["token_ids"].as_array() else { continue };
            let name = dir.file_name().unwrap().to_str().unwrap();
            let (_, tokenizer) = fixture(name);
            for (text, expected) in texts().iter().zip(expected) {
                let expected: Vec<u32> = serde_json::from_value(expected.clone()).unwrap();
                assert_eq!(framed(&tokenizer, "", text), expected, "{name}: {text:?}");
            }
            checked += 1;
        }
        assert!(checked >= 8, "{checked} packages with token ids");
    }

    #[test]
    fn prompts_are_part_of_the_text() {
        let (package, tokenizer) = fixture("bert-prompts");
        let prompt = package.prompts().get("query").unwrap();
        for text in texts() {
            assert_eq!(framed(&tokenizer, prompt, &text), framed(&tokenizer, "", &format!("{prompt}{text}")));
        }
    }

    #[test]
    fn the_prompt_is_counted_with_the_first_special_token_but_not_the_last() {
        let (package, tokenizer) = fixture("bert-prompts-excluded");
        let prompt = package.prompts().get("query").unwrap();
        let len = tokenizer.prompt_len(prompt).unwrap();
        let (alone, followed) = (framed(&tokenizer, "", prompt), framed(&tokenizer, prompt, "hello"));
        assert_eq!(len + 1, alone.len());
        assert_eq!(alone[..len], followed[..len]);
        assert_eq!(tokenizer.prompt_len("").unwrap(), 0);
    }

    #[test]
    fn prompts_that_fill_the_limit_are_refused() {
        let (_, tokenizer) = fixture("bert-mean");
        let room = tokenizer.room.unwrap();
        assert_eq!(tokenizer.prompt_len(&"a ".repeat(room - 1)).unwrap(), room);
        for count in [room, room + 1, 10 * room] {
            let err = tokenizer.prompt_len(&"a ".repeat(count)).unwrap_err();
            assert_eq!(err.kind(), drivetrain_contract::ErrorKind::Invalid, "{count}: {err}");
        }
    }

    #[test]
    fn limits_without_room_for_text_are_refused() {
        assert_eq!(room_within(3, 2).unwrap(), 1);
        assert!(room_within(2, 2).is_err());
        assert!(room_within(0, 2).is_err());
    }

    /// Texts that are hard to cut: without blanks, with words just below and above the longest a tokenizer looks at,
    /// with special tokens, marks that combine, and letters no vocabulary has.
    fn hostile() -> Vec<String> {
        let mut texts: Vec<String> = [
            "x",
            "ab",
            "abc1",
            "x ",
            "a b ",
            "a\u{301}",
            "\u{301}",
            " ",
            "\n\t",
            "日本語",
            "[MASK]",
            "[MASK] ",
            "<mask>",
            "[MAS",
            "é",
            "e\u{301}l ",
            "ዘ",
            "🙂",
            "👩\u{200d}👩 ",
            "-",
            "don't ",
            "1234567 ",
            "\0",
            "\u{200b}",
            "ﬁ",
            "Hello, wörld! ",
        ]
        .into_iter()
        .map(|unit| unit.repeat(20_000 / unit.len()))
        .collect();
        for word in [99, 100, 101, 1000, 3000, 5000, 9000] {
            texts.push(format!("{} ", "y".repeat(word)).repeat(40_000 / word));
        }
        for end in [".", "[MASK]", "日"] {
            texts.push(format!("{}{end}", "y".repeat(150)).repeat(200));
        }
        texts.push(format!("{} hello world", "x".repeat(30_000)));
        texts.push(format!("hello {} world", " ".repeat(30_000)));
        texts.push(super::tests::texts().concat().repeat(3));
        texts
    }

    fn check_windows(tokenizer: TextTokenizer) {
        let whole = TextTokenizer { room: None, ..tokenizer };
        let all: Vec<(String, Vec<u32>)> =
            hostile().into_iter().map(|text| (text.clone(), whole.content("", &text).unwrap())).collect();
        let mut tokenizer = whole;
        for (room, side) in
            [(1, Side::Right), (58, Side::Right), (62, Side::Left), (126, Side::Right), (100, Side::Left)]
        {
            tokenizer = limited(tokenizer, room, side);
            for (text, all) in &all {
                let kept = room.min(all.len());
                let expect = if side == Side::Right { &all[..kept] } else { &all[all.len() - kept..] };
                let found = tokenizer.content("", text).unwrap();
                assert_eq!(found, expect, "{side:?} {room} of {:?}…", text.chars().take(12).collect::<String>());
            }
        }
    }

    #[test]
    fn windows_of_long_texts_give_the_tokens_of_the_whole_wordpiece() {
        check_windows(fixture("bert-mean").1);
    }

    #[test]
    fn windows_of_long_texts_give_the_tokens_of_the_whole_unigram() {
        check_windows(fixture("static-unigram").1);
    }

    #[test]
    fn windows_of_long_texts_give_the_tokens_of_the_whole_without_words() {
        let json =
            br#"{"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "unk_token": "u", "fuse_unk": true,
            "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3, "x": 4, "xx": 5, "xxxx": 6, "l": 7, "ll": 8, " ": 9},
            "merges": [["a", "b"], ["x", "x"], ["xx", "xx"], ["l", "l"]]}}"#;
        let (_, tokenizer) = fixture("bert-mean");
        check_windows(TextTokenizer { tokenizer: Tokenizer::from_bytes(json).unwrap(), ..tokenizer });
    }

    #[test]
    fn a_huge_text_is_read_in_part() {
        let (_, tokenizer) = fixture("bert-mean");
        let text = "word ".repeat(20 << 20);
        assert_eq!(framed(&tokenizer, "", &text), framed(&tokenizer, "", &text[..1000]));
        let word = "x".repeat(30 << 20);
        assert_eq!(framed(&tokenizer, "", &word), framed(&tokenizer, "", &"x".repeat(300)));
    }

    #[test]
    fn lowercasing_comes_first() {
        let json = br#"{"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "unk_token": "?",
            "vocab": {"?": 0, "abc": 1, "ABC": 2}}}"#;
        let mut tokenizer = Tokenizer::from_bytes(json).unwrap();
        assert_eq!(tokenizer.encode("ABC", false).unwrap().get_ids(), [2]);
        lowercase_first(&mut tokenizer);
        assert_eq!(tokenizer.encode("ABC", false).unwrap().get_ids(), [1]);
    }

    #[test]
    fn broken_tokenizers_are_errors() {
        for json in [&b""[..], b"{}", b"[1]", br#"{"version": "1.0", "model": {"type": "Unigram", "vocab": [0]}}"#] {
            let err = guarded("failed to load", || Tokenizer::from_bytes(json)).unwrap_err();
            assert_eq!(err.kind(), drivetrain_contract::ErrorKind::Model);
        }
        let err =
            guarded("failed to tokenise", || -> tokenizers::Result<()> { panic!("as the library may") }).unwrap_err();
        assert!(err.message().contains("panicked"), "{err}");
    }
}
