//! Streams: order, bounds, ends and beginnings.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use drivetrain_contract::{Batch, Call, Error, ErrorKind, NoCall, Output, OutputMut, Result, Session, SessionInfo};
use drivetrain_pipeline::{EmbedOptions, Embedded, Embedder, Failure, Position, Rest};

use crate::{options, package, table::Table};

/// A table that takes its time, and may fail or panic at its n-th run.
struct Moody {
    table: Table,
    pause: Duration,
    runs_left: usize,
    panics: bool,
}

impl Session for Moody {
    fn describe(&self) -> &SessionInfo {
        self.table.describe()
    }

    fn output_shape(&self, batch: &Batch<'_>, output: Output) -> Result<Vec<usize>> {
        self.table.output_shape(batch, output)
    }

    fn run(&mut self, batch: &Batch<'_>, outputs: &mut [OutputMut<'_>], call: &dyn Call) -> Result<()> {
        thread::sleep(self.pause);
        self.runs_left -= 1;
        if self.runs_left == 0 {
            assert!(!self.panics, "a moody session");
            return Err(Error::internal("no more runs"));
        }
        self.table.run(batch, outputs, call)
    }
}

fn moody(table: &Table, pause_micros: u64) -> Moody {
    Moody { table: table.clone(), pause: Duration::from_micros(pause_micros), runs_left: usize::MAX, panics: false }
}

fn embedder(sessions: Vec<Moody>, window: usize) -> Embedder {
    let sessions = sessions.into_iter().map(|session| Box::new(session) as Box<dyn Session>).collect();
    let options = EmbedOptions { window, ..options() };
    Embedder::with_sessions(&package("bert-mean"), sessions, &options).unwrap()
}

/// Texts of many lengths, every one different.
fn many(n_texts: usize) -> Vec<String> {
    (0..n_texts).map(|idx| format!("{idx}{}", " word".repeat(idx * 7 % 40))).collect()
}

fn stream(embedder: &mut Embedder, from: Position, texts: &[String]) -> (Vec<f32>, Vec<Position>) {
    let (mut vectors, mut positions) = (Vec::new(), Vec::new());
    embedder
        .embed_stream(
            from,
            texts.iter().map(Ok::<_, Error>),
            &mut |embedded| {
                assert_eq!(embedded.first, from.texts + (vectors.len() / embedded.embeddings.dim()) as u64);
                assert_eq!(embedded.texts.len(), embedded.embeddings.len());
                assert!(embedded.n_tokens >= 3 * embedded.texts.len() as u64);
                vectors.extend_from_slice(embedded.embeddings.as_slice());
                positions.push(embedded.next);
                Ok(())
            },
            &NoCall,
        )
        .unwrap();
    (vectors, positions)
}

#[test]
fn several_sessions_of_different_speed_keep_the_order() {
    let (table, texts) = (Table::padded(), many(3000));
    let expect = embedder(vec![moody(&table, 0)], 10_000).embed(&texts, &NoCall).unwrap().into_vec();
    for window in [1, 64, 700] {
        let lanes = vec![moody(&table, 300), moody(&table, 0), moody(&table, 50)];
        let (found, positions) = stream(&mut embedder(lanes, window), Position::default(), &texts);
        assert_eq!(found, expect, "windows of {window}");
        assert_eq!(positions.last().unwrap().texts, 3000);
    }
}

#[test]
fn a_stream_goes_on_where_another_stopped() {
    let (table, texts) = (Table::padded(), many(6000));
    let (whole, positions) = stream(&mut embedder(vec![moody(&table, 0)], 1000), Position::default(), &texts);
    assert!(positions.last().unwrap().cost.is_some(), "so many runs tell what they cost");
    let dim = whole.len() / texts.len();
    for position in positions {
        let runs = Arc::clone(&table.runs);
        let at = position.texts as usize;
        runs.lock().unwrap().clear();
        let (rest, _) = stream(&mut embedder(vec![moody(&table, 0)], 1000), position, &texts[at..]);
        assert_eq!(rest, whole[at * dim..], "from {position:?}");
    }
}

/// The same cost gives the same batches, so that an engine gives the same bits.
#[test]
fn a_continued_stream_cuts_the_same_batches() {
    let texts = many(6000);
    let cuts = |from: Position, settled| {
        let table = Table::padded();
        let from = Position { cost: settled, ..from };
        stream(&mut embedder(vec![moody(&table, 0)], 1000), from, &texts[from.texts as usize..]);
        table.runs.lock().unwrap().clone()
    };
    let cost = Some(([100.0, 1.0, 0.01], 4));
    let whole = cuts(Position::default(), cost);
    let (_, positions) = stream(&mut embedder(vec![moody(&Table::padded(), 0)], 1000), Position::default(), &texts);
    for position in positions {
        assert!(whole.ends_with(&cuts(position, cost)), "{position:?}");
    }
}

#[test]
fn equal_texts_of_a_window_are_run_once() {
    let table = Table::padded();
    let texts: Vec<String> = (0..200).map(|idx| format!("text number {}", idx % 5)).collect();
    let vectors = embedder(vec![moody(&table, 0)], 1000).embed(&texts, &NoCall).unwrap();
    assert_eq!(table.runs.lock().unwrap().iter().map(|(texts, _)| texts).sum::<usize>(), 5);
    assert!(vectors.rows().enumerate().all(|(idx, row)| row == vectors.row(idx % 5)));
}

/// Runs a stream that must fail, and gives the error, the texts that were read and those that were given away.
fn failing(
    sessions: Vec<Moody>,
    source_fails_at: usize,
    sink_fails_at: usize,
    call: &dyn Call,
) -> (Error, usize, usize) {
    let (read, mut given) = (AtomicUsize::new(0), 0);
    let texts = many(20_000);
    let source = texts.iter().enumerate().map(|(idx, text)| {
        read.fetch_add(1, Ordering::Relaxed);
        if idx == source_fails_at { Err(Error::invalid("the source is dry")) } else { Ok(text) }
    });
    let outcome = embedder(sessions, 500).embed_stream(
        Position::default(),
        source,
        &mut |embedded| {
            given += embedded.texts.len();
            if given >= sink_fails_at { Err(Error::io("the sink is full")) } else { Ok(()) }
        },
        call,
    );
    (outcome.unwrap_err(), read.into_inner(), given)
}

#[test]
fn the_first_error_ends_the_stream() {
    let table = Table::padded();
    let (err, read, given) = failing(vec![moody(&table, 0)], 3000, usize::MAX, &NoCall);
    assert_eq!((err.message(), read), ("the source is dry", 3001));
    assert!(given <= 3000);

    let (err, read, given) = failing(vec![moody(&table, 0), moody(&table, 0)], usize::MAX, 700, &NoCall);
    assert_eq!((err.message(), given), ("the sink is full", 756));
    // Two windows of 500 may have been read beyond those given away, and one text to see whether there is an end.
    assert!(read <= 756 + 2 * 500 + 1, "{read}");

    let failing_session = Moody { runs_left: 40, ..moody(&table, 0) };
    let (err, read, _) = failing(vec![moody(&table, 200), failing_session], usize::MAX, usize::MAX, &NoCall);
    assert_eq!(err.message(), "no more runs");
    assert!(read < 20_000);

    let panicking = Moody { runs_left: 40, panics: true, ..moody(&table, 0) };
    let (err, ..) = failing(vec![panicking], usize::MAX, usize::MAX, &NoCall);
    assert_eq!(err.kind(), ErrorKind::Internal);
}

#[test]
fn a_cancelled_stream_ends() {
    struct Later(AtomicBool);
    impl Call for Later {
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }
    let call = Later(AtomicBool::new(false));
    let err = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            call.0.store(true, Ordering::Relaxed);
        });
        failing(vec![moody(&Table::padded(), 500)], usize::MAX, usize::MAX, &call).0
    });
    assert_eq!(err.kind(), ErrorKind::Cancelled);
}

#[test]
fn places_in_messages_count_from_the_beginning() {
    let mut table = Table::padded();
    table.info.max_tokens = 60;
    let mut texts: Vec<String> = (0..3000).map(|idx| format!("text {idx}")).collect();
    texts[2600] = "word ".repeat(100);
    let err = embedder(vec![moody(&table, 0)], 500).embed(&texts, &NoCall).unwrap_err();
    assert!(err.message().contains("text 2600 "), "{err}");
}

#[test]
fn another_embedder_goes_on_where_a_session_fails() {
    let (texts, table) = (many(900), Table::padded());
    let (expect, _) = stream(&mut embedder(vec![moody(&table, 0)], 200), Position::default(), &texts);
    for runs_left in [1, 2, 7, 40] {
        let failing = || Moody { runs_left, ..moody(&table, 50) };
        for sessions in [vec![failing()], vec![failing(), moody(&table, 50)]] {
            let n_sessions = sessions.len();
            let mut rest = Rest::new(Position::default(), texts.iter().map(Ok::<_, Error>));
            let mut vectors: Vec<f32> = Vec::new();
            let mut sink = |embedded: Embedded<'_, &String>| {
                assert_eq!(embedded.first, (vectors.len() / embedded.embeddings.dim()) as u64);
                vectors.extend_from_slice(embedded.embeddings.as_slice());
                Ok(())
            };
            let failure = embedder(sessions, 200).embed_rest(&mut rest, &mut sink, &NoCall).unwrap_err();
            assert!(matches!(failure, Failure::Session(err) if err.message() == "no more runs"));
            embedder(vec![moody(&table, 0)], 200).embed_rest(&mut rest, &mut sink, &NoCall).unwrap();
            assert!(vectors == expect, "{n_sessions} sessions, {runs_left} runs");
        }
    }
}

#[test]
fn what_reading_fails_with_is_told_by_whoever_goes_on() {
    let (texts, table) = (many(700), Table::padded());
    let (expect, _) = stream(&mut embedder(vec![moody(&table, 0)], 200), Position::default(), &texts[..650]);
    // The sessions fail while the reader is at the error, or a window before it.
    for runs_left in [1, 3, 20] {
        let failing = Moody { runs_left, ..moody(&table, 3000) };
        let broken = || Err(Error::invalid("a bad line"));
        let lines = texts[..650].iter().map(Ok).chain(std::iter::once_with(broken)).chain(texts[650..].iter().map(Ok));
        let mut rest = Rest::new(Position::default(), lines);
        let mut vectors: Vec<f32> = Vec::new();
        let mut sink = |embedded: Embedded<'_, &String>| {
            vectors.extend_from_slice(embedded.embeddings.as_slice());
            Ok(())
        };
        let failure = embedder(vec![failing], 200).embed_rest(&mut rest, &mut sink, &NoCall).unwrap_err();
        assert!(matches!(failure, Failure::Session(_)), "{failure:?}");
        let failure = embedder(vec![moody(&table, 0)], 200).embed_rest(&mut rest, &mut sink, &NoCall).unwrap_err();
        assert!(matches!(&failure, Failure::Other(err) if err.message() == "a bad line"), "{failure:?}");
        // What stood before the bad line in its window has no vectors either, as without a session that fails.
        assert!(expect.starts_with(&vectors) && !vectors.is_empty(), "{runs_left} runs");
    }
}
