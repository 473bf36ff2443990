//! Tokenising many texts on several threads.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use drivetrain_contract::{Call, Error, Result};

use crate::tokenize::TextTokenizer;

/// Texts a thread takes at a time.
const CHUNK: usize = 16;
/// Below so many bytes of text for each thread, starting it costs more than it saves.
const BYTES_PER_THREAD: usize = 16 * 1024;

/// A tokenizer, and what it puts before each text.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) prompt: String,
}

impl Encoder {
    /// The content tokens of each text after the prompt, in order, made by as many `threads` at the most, the calling
    /// one included. `place` says what a message calls a text.
    ///
    /// # Errors
    /// As [`TextTokenizer::content`], with the text's place; and when the call is cancelled.
    pub(crate) fn encode(
        &self,
        texts: &[&str],
        threads: usize,
        place: &(dyn Fn(usize) -> u64 + Sync),
        call: &dyn Call,
    ) -> Result<Vec<Vec<u32>>> {
        let mut contents = vec![Vec::new(); texts.len()];
        let work = Mutex::new(texts.chunks(CHUNK).zip(contents.chunks_mut(CHUNK)).enumerate());
        let worker = || -> Result<()> {
            loop {
                let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((chunk, (texts, contents))) = next else { return Ok(()) };
                call.check()?;
                for (at, (text, content)) in texts.iter().zip(contents).enumerate() {
                    *content = self.encode_one(place(chunk * CHUNK + at), text)?;
                }
            }
        };
        thread::scope(|scope| {
            // Where no more threads can be had, fewer do the work.
            let helper = || thread::Builder::new().name("drivetrain-tokenise".to_owned()).spawn_scoped(scope, worker);
            let others: Vec<_> = (1..useful_threads(texts, threads)).map_while(|_| helper().ok()).collect();
            let mut outcome = worker();
            for other in others {
                let other = other.join().unwrap_or_else(|_| Err(Error::internal("a tokenising thread panicked")));
                outcome = outcome.and(other);
            }
            outcome
        })?;
        Ok(contents)
    }

    fn encode_one(&self, idx: u64, text: &str) -> Result<Vec<u32>> {
        self.tokenizer
            .content(&self.prompt, text)
            .map_err(|err| Error::new(err.kind(), format!("text {idx} cannot be tokenised")).with_source(err))
    }
}

fn useful_threads(texts: &[&str], threads: usize) -> usize {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    threads.min(bytes / BYTES_PER_THREAD + 1).min(texts.len().div_ceil(CHUNK))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use drivetrain_contract::{ErrorKind, NoCall};
    use drivetrain_package::Package;

    use super::*;

    fn encoder() -> Encoder {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/models/bert-mean");
        let tokenizer = TextTokenizer::new(&Package::open(Path::new(dir)).unwrap()).unwrap();
        Encoder { tokenizer, prompt: "p: ".to_owned() }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_tokens_in_order() {
        let texts: Vec<String> =
            (0..1000).map(|idx| format!("text {idx} {}", "of many words ".repeat(idx % 40))).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let expect: Vec<Vec<u32>> = {
            let one = encoder();
            texts.iter().map(|text| one.tokenizer.content("p: ", text).unwrap()).collect()
        };
        for threads in [1, 2, 5, 1000] {
            assert_eq!(useful_threads(&texts, threads) > 1, threads > 1);
            let found = encoder().encode(&texts, threads, &|idx| idx as u64, &NoCall).unwrap();
            assert_eq!(found, expect, "{threads} threads");
        }
    }

    #[test]
    fn every_thread_stops_when_the_call_is_cancelled() {
        struct Stopped;
        impl Call for Stopped {
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let text = "word ".repeat(1000);
        let err = encoder().encode(&vec![text.as_str(); 100], 4, &|idx| idx as u64, &Stopped).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Cancelled);
    }
}
