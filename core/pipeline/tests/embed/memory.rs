//! Batches that the engine has no memory for: cut until they are managed, and never tried so large again.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use drivetrain_contract::{
    Batch, Call, Capabilities, Error, ErrorKind, NoCall, Output, OutputMut, Outputs, Result, Session, SessionInfo,
};
use drivetrain_pipeline::{EmbedOptions, Embedder, Position};

use crate::{options, package, table::Table};

/// A table with room for so many tokens (texts, where it tokenises), and a list of those it refused.
#[derive(Clone)]
struct Small {
    table: Table,
    room: usize,
    refused: Arc<Mutex<Vec<usize>>>,
    trimmed: Arc<AtomicUsize>,
}

impl Small {
    fn new(table: &Table, room: usize) -> Self {
        Self { table: table.clone(), room, refused: Arc::default(), trimmed: Arc::default() }
    }
}

fn size(batch: &Batch<'_>) -> usize {
    match batch {
        Batch::Padded(padded) => padded.size() * padded.length(),
        Batch::Packed(packed) => packed.input_ids().len(),
        Batch::Text(texts) => texts.text().len(),
    }
}

impl Session for Small {
    fn describe(&self) -> &SessionInfo {
        self.table.describe()
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        self.table.output_shape(batch, output)
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        if size(batch) > self.room {
            self.refused.lock().unwrap().push(size(batch));
            return Err(Error::new(ErrorKind::OutOfMemory, "no room"));
        }
        self.table.run(batch, outputs, call)
    }

    fn trim(&mut self) -> Result<()> {
        self.trimmed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn embedder(sessions: Vec<Small>, window: usize) -> Embedder {
    let sessions = sessions.into_iter().map(|session| Box::new(session) as Box<dyn Session>).collect();
    let options = EmbedOptions { window, batch_tokens: Some(2000), max_batch: 500, ..options() };
    Embedder::with_sessions(&package("bert-mean"), sessions, &options).unwrap()
}

fn many(n_texts: usize) -> Vec<String> {
    (0..n_texts).map(|idx| format!("{idx}{}", " word".repeat(idx * 7 % 40))).collect()
}

#[test]
fn every_kind_of_session_gives_the_vectors_it_would_give_with_more_memory() {
    let texts = many(400);
    let graph = Outputs::SENTENCE_EMBEDDING;
    for table in [Table::padded(), Table::packed(), Table::new(Capabilities::PADDED_IN, graph)] {
        let expect = embedder(vec![Small::new(&table, usize::MAX)], 300).embed(&texts, &NoCall).unwrap();
        for room in [1500, 1000, 300, 64] {
            for n_lanes in [1, 3] {
                let small = Small::new(&table, room);
                let found = embedder(vec![small.clone(); n_lanes], 300).embed(&texts, &NoCall).unwrap();
                assert_eq!(found, expect, "room for {room}, {n_lanes} sessions");
                assert!(!small.refused.lock().unwrap().is_empty());
            }
        }
    }
}

#[test]
fn sessions_that_tokenise_are_given_less_text() {
    let texts = many(300);
    let table = Table::new(Capabilities::TEXT_IN, Outputs::SENTENCE_EMBEDDING);
    let package = package("static-wordpiece");
    let embed = |room| {
        let session = Box::new(Small::new(&table, room));
        Embedder::new(&package, session, &options())?.embed(&texts, &NoCall)
    };
    assert_eq!(embed(400).unwrap(), embed(usize::MAX).unwrap());
    let err = embed(100).unwrap_err();
    assert!(err.message().contains("bytes of text"), "{err}");
}

#[test]
fn what_was_refused_is_not_tried_again() {
    let (small, texts) = (Small::new(&Table::padded(), 500), many(3000));
    let mut embedder = embedder(vec![small.clone()], 300);
    embedder.embed(&texts, &NoCall).unwrap();
    let refused = small.refused.lock().unwrap().clone();
    assert!(!refused.is_empty() && refused.len() <= 4, "2000 halved is 1000 and then 500: {refused:?}");
    assert_eq!(small.trimmed.load(Ordering::Relaxed), refused.len(), "memory is given back before the next try");
    embedder.embed(&texts, &NoCall).unwrap();
    assert_eq!(small.refused.lock().unwrap().len(), refused.len(), "nor by a later call");
    let runs = small.table.runs.lock().unwrap();
    assert!(runs.iter().all(|&(_, tokens)| tokens <= 500));
    assert!(runs.iter().map(|&(_, tokens)| tokens).max() > Some(250), "and no smaller than it must be");
}

#[test]
fn a_text_that_does_not_fit_alone_is_named() {
    let mut texts: Vec<String> = (0..20).map(|idx| format!("text {idx}")).collect();
    texts.push("word ".repeat(100));
    let err = embedder(vec![Small::new(&Table::padded(), 50)], 300).embed(&texts, &NoCall).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::OutOfMemory);
    let text = err.to_text();
    for part in ["text 20,", "64 tokens", "no room", "max_seq_length", "batch_tokens"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// With what was learned handed on, the same batches are run, so that an engine gives the same bits.
#[test]
fn a_continued_stream_runs_the_same_batches() {
    let texts = many(1800);
    let run = |from: Position| {
        let small = Small::new(&Table::padded(), 700);
        let mut positions = Vec::new();
        // One session and one thread, or windows would be run before it is known what those before them taught.
        let options = EmbedOptions { window: 500, batch_tokens: Some(2000), ..EmbedOptions::default() };
        let mut embedder = Embedder::new(&package("bert-mean"), Box::new(small.clone()), &options).unwrap();
        let rest = texts[from.texts as usize..].iter().map(Ok::<_, Error>);
        let sink = &mut |embedded: drivetrain_pipeline::Embedded<'_, _>| {
            positions.push((embedded.next, small.table.runs.lock().unwrap().len()));
            Ok(())
        };
        embedder.embed_stream(from, rest, sink, &NoCall).unwrap();
        let runs = small.table.runs.lock().unwrap().clone();
        (runs, positions)
    };
    // What is learned of the cost depends on the clock, so it is given.
    let start = Position { cost: Some(([100.0, 1.0, 0.01], 0)), ..Position::default() };
    let (whole, positions) = run(start);
    assert!(positions.last().unwrap().0.largest_batch.is_some_and(|size| (350..=700).contains(&size)));
    for (position, n_runs) in positions {
        assert_eq!(run(position).0, whole[n_runs..], "{position:?}");
    }
}
